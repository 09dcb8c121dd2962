/**
 * A name of a secret before its value: in connection strings, query parameters, environment variables,
 * JSON and what people write into messages. The name may go on (`SECRET_ACCESS_KEY`), and the value
 * may be quoted. Every part that repeats is bounded or comes last, so that the time is linear.
 */
const namedSecret =
  /((?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|signature|credentials?|(?:\b|_)(?:pass|pw)(?=["']?\s{0,5}[=:])|[?&;\s](?:sig|key)(?==)|^sig(?==))[\w.-]{0,40}\\{0,3}["']?\s{0,5}(?:[=:]|%3d)\s{0,5})(\\{0,3}"[^"]*"?|'[^']*'?|[^\s;&,"']+)/gi;
/** Those of a URL that is part of another, or of a form. */
const encodedUserInfo = /(%3a%2f%2f)[^\s"'&]{1,512}?(?=%40)/gi;
/** What an `Authorization` header holds, with its scheme; of `Digest` all that follows it. */
const authorization =
  /(authorization["']?\s{0,5}[=:]\s{0,5}["']?)(?:Digest\s[^\r\n]*|(?:[\w-]{1,40}\s{1,5})?[^\s"',;]+)/gi;
const bearer = /\b(Bearer\s{1,5})[\w.~+/=-]+/g;
/** `Cookie: a=b; c=d`, and of `Set-Cookie` also what is no secret. */
const cookies =
  /(cookie["']?\s{0,5}[=:]\s{0,5}["']?)[^\s=;,"']{1,80}=[^\s;,"']*(?:;\s{0,5}[^\s=;,"']{1,80}=[^\s;,"']*)*/gi;
/** `--password abc` and `X-Api-Key abc`, but not what a sentence says about either. */
const secretArgument =
  /((?<![\w-])(?:--|X-)(?:[a-z0-9]{1,20}-){0,4}(?:password|passphrase|pwd|secret|token|key|auth)\s{1,5})(?!(?:is|are|was|has|must|may|can|cannot|not|and|or|to|of|for|in|on|with|without|needs?|requires?|expects?|option|flag|header|missing)\b)(?:"[^"]*"?|'[^']*'?|[^\s"'<[-][^\s"']*)/gi;
/** JSON Web Tokens, and those that say by their first letters whose they are. */
const knownToken =
  /(?<![\w-])(?:eyJ[\w-]{10,}\.[\w-]{4,}(?:\.[\w-]*)?|(?:[rs]k_(?:live|test)_|whsec_|gh[opsru]_|github_pat_|glpat-|xox[a-z]-|xapp-|sk-(?:ant|proj)-|AIza)[\w-]{10,}|(?:npm_|sk-)[a-z\d]{30,})/gi;
/** The secret that is written behind an AWS access key. */
const awsSecret = /\b((?:AKIA|ASIA)[A-Z0-9]{16}[/:]\s?)[^\s"',;]+/g;
const privateKey = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}-----|$)/g;

/**
 * A text without the credentials that some errors quote: those of URLs, up to the last `@`
 * of the word (a password may hold any other sign), those before a `host:port`, values named as secrets,
 * cookies, private keys, and tokens whose first letters tell. What is named otherwise, or in prose
 * (`the password is abc`), is not found. Takes time in proportion to the length of the text, whatever is in it.
 */
export function withoutCredentials(text: string): string {
  return withoutUserInfo(text)
    .replace(encodedUserInfo, "$1***")
    .replace(word, withoutLogin)
    .replace(privateKey, "***")
    .replace(knownToken, "***")
    .replace(awsSecret, "$1***")
    .replace(cookies, "$1***")
    .replace(authorization, "$1***")
    .replace(bearer, "$1***")
    .replace(secretArgument, "$1***")
    .replace(namedSecret, "$1***");
}

const word = /[^\s"(<]+/g;
const hostAndPort = /(?:[\w.-]{1,253}|\[[\da-f:.]{2,45}\]):\d{1,5}(?!\d)/iy;

/** A word such as `user:password@host:5672` without what is before its host. A URL has been seen to. */
function withoutLogin(text: string): string {
  if (text.includes("://")) return text;
  for (let at = text.lastIndexOf("@"); at > 0; at = text.lastIndexOf("@", at - 1)) {
    hostAndPort.lastIndex = at + 1;
    if (hostAndPort.test(text)) return text.lastIndexOf(":", at) < 0 ? text : `***${text.slice(at)}`;
  }
  return text;
}

/** Goes from one `://` to the next word without one, so that no part of the text is read twice. */
function withoutUserInfo(text: string): string {
  let result = "";
  let copied = 0;
  for (let at = text.indexOf("://"); at >= 0; at = text.indexOf("://", at)) {
    const start = at + "://".length;
    const end = endOfWord(text, start);
    // A path may hold an `@`, such as the version of a package.
    const sign = text.endsWith("file", at) ? -1 : text.slice(start, end).lastIndexOf("@");
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
