import { errorText } from "./error-text.ts";
import { MessagingError } from "./messaging-error.ts";
import { readError } from "./read-error.ts";

/**
 * What is kept of an error while its message waits: code and text. The object itself may hold a
 * whole response, or worse.
 */
export function remembered(error: unknown): unknown {
  if (error === undefined || typeof error === "string") return error;
  const text = errorText(error);
  const read = readError(error);
  return read === undefined ? text : new MessagingError(read.code, text);
}
