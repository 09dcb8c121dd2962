import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError, readArguments } from "../errors/messaging-error.ts";

/**
 * Throw this from a handler or a middleware to put a message off without using up an attempt:
 * not the message is wrong, but what its handler needs is away. Its handler is called again after
 * `delayMs` milliseconds, a day at most (also for `Infinity`) or as long as the broker can delay a
 * message, with the same attempt. Where an order is kept, so is its place; elsewhere it waits on the
 * broker, where that can delay a message, when it is put off for more than a second. A request is
 * not put off but answered, with the code `POSTPONED`.
 */
export class PostponedError extends MessagingError {
  override readonly name = "PostponedError";
  /** In milliseconds, always finite. */
  readonly delayMs: number;

  /** @throws MessagingError `INVALID_ARGUMENT` for what it cannot be made of, such as no delay at all */
  constructor(message: string, options: { readonly delayMs: number; readonly cause?: unknown }) {
    const { delayMs, underneath } = readArguments(() => ({
      delayMs: options.delayMs,
      underneath: "cause" in options ? { cause: options.cause } : {},
    }));
    if (typeof delayMs !== "number" || !(delayMs >= 0)) {
      throw invalidArgument("delayMs", "a number of at least 0", delayMs);
    }
    super("POSTPONED", message, underneath);
    // A number that can be counted with, also for as long as may be: what is endless is no delay of an error that is sound.
    this.delayMs = Math.min(delayMs, Number.MAX_SAFE_INTEGER);
  }
}
