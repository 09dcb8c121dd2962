import { MessagingError } from "@waybill/core/spi";

/** The promise, or an error if the signal fires first; what the promise then does is nobody's concern. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => undefined);
    return Promise.reject(givenUp(signal));
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(givenUp(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** The error for a call whose signal fired before the broker had answered. */
export function givenUp(signal: AbortSignal): MessagingError {
  return new MessagingError("TIMEOUT", "The broker had not answered when the call was given up.", {
    cause: signal.reason,
  });
}
