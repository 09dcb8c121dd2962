/** A name of a secret before its value, as in connection strings and query parameters: `SharedAccessKey=…`. */
const namedSecret =
  /(password|passwd|passphrase|pwd|secret|token|accesskey|accountkey|apikey|[?&;\s]sig)=([^\s;&,"']+)/gi;

/**
 * A text without the credentials that some errors quote: those of URLs, up to the last `@`
 * of the word (a password may hold any other sign), and values named as secrets. Takes time
 * in proportion to the length of the text, whatever is in it.
 */
export function withoutCredentials(text: string): string {
  return withoutUserInfo(text).replace(namedSecret, "$1=***");
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
