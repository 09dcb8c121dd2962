import { ownText } from "../runtime/own-text.ts";
import type { ErrorCode } from "./codes.ts";
import { errorText } from "./error-text.ts";
import { MessagingError } from "./messaging-error.ts";
import { readError } from "./read-error.ts";

/** What is kept of an error: its code, where it has one, and its text, of at most 1000 bytes. */
export interface RememberedError {
  readonly code: ErrorCode | undefined;
  readonly text: string;
}

/**
 * What is kept of an error while its message waits: code and text. The object itself may hold a
 * whole response, or worse.
 */
export function remembered(error: unknown): unknown {
  return recalledError(rememberedError(error));
}

/** The same as data: an error takes ten times the memory of its text. */
export function rememberedError(error: unknown): RememberedError | undefined {
  if (error === undefined) return undefined;
  return { code: readError(error)?.code, text: ownText(errorText(error)) };
}

export function recalledError(kept: RememberedError | undefined): unknown {
  if (kept === undefined) return undefined;
  return kept.code === undefined ? kept.text : new MessagingError(kept.code, kept.text);
}
