import { MessagingError } from "../errors/messaging-error.ts";

/**
 * What `work` comes to, or the error of `givenUp` if the signal fires first. The work
 * goes on: what comes of it then is nobody's concern.
 */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(givenUp(signal));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** The error for a call whose signal fired before the broker had answered: a `TIMEOUT`. */
export function givenUp(signal: AbortSignal): MessagingError {
  return new MessagingError("TIMEOUT", "The broker had not answered when the call was given up.", {
    cause: signal.reason,
  });
}
