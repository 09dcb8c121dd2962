import { MessagingError } from "./messaging-error.ts";

/** The error for a caller whose signal fired. */
export function aborted(signal: AbortSignal): MessagingError {
  return new MessagingError("ABORTED", "The call was aborted by its signal.", {
    remedy: "Call again with a signal that has not fired.",
    cause: signal.reason,
  });
}

/** What a handler is to do whose message is no longer its own. */
export const stopHandling = "Stop: its message is delivered again.";

/** What is told of a closing that has to wait. */
export function draining(what: string, waitsFor: string, timeoutMs: number, remedy: string): MessagingError {
  return new MessagingError("DRAINING", `Closing ${what} waits for ${waitsFor}, up to ${timeoutMs} ms.`, {
    remedy,
    details: { timeoutMs },
  });
}

/** The error for a call on something that is closing or closed. */
export function closed(what: "client" | "subscription"): MessagingError {
  const remedy = what === "client" ? "Connect again with `connect`." : "Subscribe or consume again.";
  return new MessagingError("CLOSED", `The ${what} is closed.`, { remedy });
}
