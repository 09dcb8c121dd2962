import { MessagingError } from "../errors/messaging-error.ts";

/**
 * Throw this from a handler or a middleware to put a message off without using up an attempt:
 * not the message is wrong, but what its handler needs is away. It stays where it is, and its
 * handler is called again after `delayMs` milliseconds, a day at most or as long as the broker can
 * delay a message, with the same attempt. A request is not put off but answered, with the code `POSTPONED`.
 */
export class PostponedError extends MessagingError {
  override readonly name = "PostponedError";
  readonly delayMs: number;

  constructor(message: string, options: { readonly delayMs: number; readonly cause?: unknown }) {
    super("POSTPONED", message, "cause" in options ? { cause: options.cause } : {});
    this.delayMs = options.delayMs;
  }
}
