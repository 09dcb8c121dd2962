import { MessagingError } from "../errors/messaging-error.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";

/**
 * What `work` comes to, or the error of `givenUp` if the call is given up first. The work
 * goes on; what comes too late goes to `discard`.
 */
export function unlessGivenUp<T>(
  work: Promise<T>,
  signal: AbortSignal,
  discard?: (late: T) => void,
): Promise<T> {
  return unlessAborted(work, signal, discard, givenUp);
}

/** The error for a call whose signal fired before the broker had answered: a `TIMEOUT`. */
export function givenUp(signal: AbortSignal): MessagingError {
  return new MessagingError("TIMEOUT", "The broker had not answered when the call was given up.", {
    remedy: "Try again, or give it more time.",
    cause: signal.reason,
  });
}
