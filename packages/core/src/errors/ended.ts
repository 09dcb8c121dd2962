import { MessagingError } from "./messaging-error.ts";

/** The error for a caller whose signal fired. */
export function aborted(signal: AbortSignal): MessagingError {
  return new MessagingError("ABORTED", "The call was aborted by its signal.", { cause: signal.reason });
}

/** What is told of a closing that has to wait. */
export function draining(what: string, waitsFor: string, timeoutMs: number, remedy: string): MessagingError {
  return new MessagingError("DRAINING", `Closing ${what} waits for ${waitsFor}, up to ${timeoutMs} ms.`, {
    remedy,
    details: { timeoutMs },
  });
}

/** The error for a call on something that is closing or closed. */
export function closed(what: string): MessagingError {
  return new MessagingError("CLOSED", `The ${what} is closed.`, { remedy: "Connect again with `connect`." });
}
