import { MessagingError } from "./messaging-error.ts";
import { shown } from "./shown.ts";

/** The refusal of an argument: `takes` says what is legal, and is what the remedy asks for. */
export function invalidArgument(name: string, takes: string, given: unknown): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `\`${name}\` takes ${takes}, not ${shown(given)}.`, {
    remedy: `Pass ${takes}.`,
  });
}
