import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError, readArguments } from "../errors/messaging-error.ts";

/**
 * Throw this from a handler or a middleware to put a message off without using up an attempt:
 * not the message is wrong, but what its handler needs is away. It stays where it is, and its
 * handler is called again after `delayMs` milliseconds, a day at most or as long as the broker can
 * delay a message, with the same attempt.
 */
export class PostponedError extends MessagingError {
  override readonly name = "PostponedError";
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
    this.delayMs = delayMs;
  }
}
