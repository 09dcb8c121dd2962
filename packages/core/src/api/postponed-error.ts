import { MessagingError } from "../errors/messaging-error.ts";

/**
 * Throw this from a handler or a middleware to put a message off without using up an attempt:
 * not the message is wrong, but what its handler needs is away. Its handler is called again after
 * `delayMs` milliseconds, a day at most or as long as the broker can delay a message, with the same
 * attempt. Where an order is kept, so is its place; elsewhere it waits on the broker, where that can
 * delay a message, when it is put off for more than a second.
 */
export class PostponedError extends MessagingError {
  override readonly name = "PostponedError";
  readonly delayMs: number;

  constructor(message: string, options: { readonly delayMs: number; readonly cause?: unknown }) {
    super("POSTPONED", message, "cause" in options ? { cause: options.cause } : {});
    this.delayMs = options.delayMs;
  }
}
