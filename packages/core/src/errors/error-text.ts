import { utf8Length } from "../runtime/utf8-length.ts";
import { withoutCredentials } from "./credentials.ts";

/** The longest error text that travels in a header, in bytes: a header has no room for a book. */
const longest = 1_000;

/** What an error says, fit for a header: short, well-formed and without credentials. */
export function errorText(error: unknown): string {
  let text = withoutCredentials(textOf(error)).slice(0, longest).toWellFormed();
  for (let size = utf8Length(text); size > longest; size = utf8Length(text)) {
    text = text.slice(0, Math.floor((text.length * longest) / size)).toWellFormed();
  }
  return text;
}

function textOf(error: unknown): string {
  try {
    const said: unknown = error instanceof Error ? error.message : error;
    return typeof said === "string" ? said : `${JSON.stringify(said)}`;
  } catch {
    return "an error that cannot be shown";
  }
}
