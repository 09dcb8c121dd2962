import { utf8Length } from "../runtime/utf8-length.ts";
import { withoutCredentials } from "./credentials.ts";

/** The longest text that is taken from anything thrown, in characters: what is more has been somebody's data. */
const longest = 4_096;
/** The longest error text that travels in a header, in bytes: a header has no room for a book. */
const longestInHeader = 1_000;
/** The most members shown of a thrown object that is no error, and the longest value of each. */
const mostMembers = 10;
const longestMember = 200;
const secretName = /pass|pwd|(?:^|_)pw$|secret|token|key|auth|cred|cookie|session|^pin$|signature/i;

/**
 * What anything thrown says: at most 4 KiB, well-formed and without credentials. Never throws,
 * whatever was thrown: null-prototype objects, errors whose `message` is no string, getters that throw.
 */
export function thrownText(thrown: unknown): string {
  try {
    return withoutCredentials(shortened(sayingOf(thrown))).toWellFormed();
  } catch {
    return "an error that cannot be shown";
  }
}

/** What an error says, fit for a header: as `thrownText`, and at most 1000 bytes. */
export function errorText(error: unknown): string {
  let text = thrownText(error).slice(0, longestInHeader).toWellFormed();
  for (let size = utf8Length(text); size > longestInHeader; size = utf8Length(text)) {
    text = text.slice(0, Math.floor((text.length * longestInHeader) / size)).toWellFormed();
  }
  return text;
}

/** The beginning of a long text. A word that is cut in two goes: it may have lost the `@` that gives its password away. */
function shortened(text: string): string {
  if (text.length <= longest) return text;
  const cut = text.slice(0, longest);
  const lastSpace = Math.max(cut.lastIndexOf(" "), cut.lastIndexOf("\n"));
  const lastWord = cut.slice(lastSpace + 1);
  return /[:=]/.test(lastWord) ? `${cut.slice(0, lastSpace + 1)}…` : cut;
}

function sayingOf(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  if ((typeof thrown !== "object" && typeof thrown !== "function") || thrown === null) return String(thrown);
  const { message } = thrown as { readonly message?: unknown };
  if (typeof message === "string") return message;
  if (typeof thrown === "function") return "a function";
  const { name } = thrown as { readonly name?: unknown };
  const said = message === undefined ? "" : sayingOfMembers(message);
  const shown = said === "" ? sayingOfMembers(thrown) : said;
  const title = typeof name === "string" && name !== "" ? name : "an object";
  return shown === "" ? `${title} without a message` : shown;
}

/** The plain members of an object: `code: 7, why: "no stock"`. */
function sayingOfMembers(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const shown: string[] = [];
  for (const name in value) {
    const member: unknown = (value as Record<string, unknown>)[name];
    if (typeof member === "string")
      shown.push(
        `${name}: ${secretName.test(name) ? "***" : JSON.stringify(withoutCredentials(shortened(member)).slice(0, longestMember))}`,
      );
    else if (typeof member === "number" || typeof member === "boolean") shown.push(`${name}: ${member}`);
    if (shown.length === mostMembers) break;
  }
  return shown.join(", ");
}

/** With a full stop, where there is none. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
