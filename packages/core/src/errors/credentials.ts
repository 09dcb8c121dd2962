/** Credentials in anything that looks like a URL, up to its last `@`: a password may hold any other sign. */
const credentials = /(\b[a-z][a-z0-9+.-]*:\/\/)\S*@/gi;

/** A vendor's error text without the credentials that some of them quote. */
export function withoutCredentials(text: string): string {
  return text.replace(credentials, "$1***@");
}
