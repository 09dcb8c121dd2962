import { withoutCredentials } from "./credentials.ts";

/** The longest text of a value that an error shows. */
const longest = 100;
/** So much of it is looked through for credentials, which what is shown may be the beginning of. */
const longestRead = 4_096;

/** The beginning of a text, without the credentials that were put into it by mistake: a URL in place of a name, say. */
export function shownText(text: string): string {
  return withoutCredentials(text.slice(0, longestRead)).slice(0, longest).toWellFormed();
}

/** A value that was refused, as an error shows it: short, and never more of an object than that it is one. Never throws. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(shownText(value));
  if (typeof value === "object" && value !== null) return isArray(value) ? "an array" : "an object";
  return typeof value === "function" ? "a function" : String(value).slice(0, longest);
}

function isArray(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    // A proxy that has been revoked.
    return false;
  }
}
