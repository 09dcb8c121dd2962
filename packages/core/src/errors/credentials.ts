/**
 * A name of a secret before its value: in connection strings, query parameters, environment variables,
 * JSON and what people write into messages. The name may go on (`SECRET_ACCESS_KEY`), and the value
 * may be quoted. Every part that repeats is bounded or comes last, so that the time is linear.
 */
const namedSecret =
  /((?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|signature|credentials?|\bpass(?=["']?\s{0,5}[=:])|[?&;\s](?:sig|key)(?==)|^sig(?==))[\w.-]{0,40}\\{0,3}["']?\s{0,5}(?:[=:]|%3d)\s{0,5})(\\{0,3}"[^"]*"?|'[^']*'?|[^\s;&,"']+)/gi;
/** What an `Authorization` header holds, with its scheme. */
const authorization = /(authorization["']?\s{0,5}[=:]\s{0,5}["']?)(?:[\w-]{1,40}\s{1,5})?[^\s"',;]+/gi;
const bearer = /\b(Bearer\s{1,5})[\w.~+/=-]+/g;
const privateKey = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g;

/**
 * A text without the credentials that some errors quote: those of URLs, up to the last `@`
 * of the word (a password may hold any other sign), values named as secrets, and private keys. Takes
 * time in proportion to the length of the text, whatever is in it.
 */
export function withoutCredentials(text: string): string {
  return withoutUserInfo(text)
    .replace(privateKey, "***")
    .replace(authorization, "$1***")
    .replace(bearer, "$1***")
    .replace(namedSecret, "$1***");
}

/** Goes from one `://` to the next word without one, so that no part of the text is read twice. */
function withoutUserInfo(text: string): string {
  let result = "";
  let copied = 0;
  for (let at = text.indexOf("://"); at >= 0; at = text.indexOf("://", at)) {
    const start = at + "://".length;
    const end = endOfWord(text, start);
    const sign = text.slice(start, end).lastIndexOf("@");
    if (sign >= 0) {
      result += `${text.slice(copied, start)}***`;
      copied = start + sign;
    }
    at = end;
  }
  return result + text.slice(copied);
}

const space = /\s/g;

function endOfWord(text: string, from: number): number {
  space.lastIndex = from;
  return space.exec(text)?.index ?? text.length;
}
