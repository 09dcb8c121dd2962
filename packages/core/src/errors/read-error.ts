import { type ErrorCode, errorCodes } from "./codes.ts";

/** What marks an error of Waybill's, so that it is known across copies of this package. */
export const marker = Symbol.for("waybill.MessagingError");

/** What an error of Waybill's says to core. */
export interface ReadError {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** How long a postponed message waits, in milliseconds, where it says so. */
  readonly delayMs: number | undefined;
}

/**
 * Reads anything that was thrown. `undefined` for what is no error of Waybill's, or pretends to be
 * one and makes no sense. Each member is read once, since reading may throw or answer differently.
 */
export function readError(thrown: unknown): ReadError | undefined {
  try {
    if (typeof thrown !== "object" || thrown === null || !(marker in thrown)) return undefined;
    const { code, retryable, message } = thrown as Readonly<Record<string, unknown>>;
    if (!isErrorCode(code) || typeof retryable !== "boolean" || typeof message !== "string") return undefined;
    return { code, retryable, delayMs: code === "POSTPONED" ? readDelay(thrown) : undefined };
  } catch {
    // A value whose own traps throw is no error of ours.
    return undefined;
  }
}

/** The code of anything that was thrown. */
export function codeOf(thrown: unknown): ErrorCode {
  return readError(thrown)?.code ?? "HANDLER_FAILED";
}

function readDelay(thrown: object): number | undefined {
  const { delayMs } = thrown as { readonly delayMs?: unknown };
  return typeof delayMs === "number" && delayMs >= 0 && Number.isFinite(delayMs) ? delayMs : undefined;
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(errorCodes, code);
}
