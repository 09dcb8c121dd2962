import { checkText, readArguments } from "./messaging-error.ts";

/**
 * Throw this from a responder to tell the requester why there is no reply: `code` and message
 * travel to it. Of any other error only the code travels, unless the error has `expose: true`,
 * since the message of an unforeseen error may say what the requester is not to know.
 */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
  /** Up to 100 of `A–Z a–z 0–9 _ . : -`; arrives as `details.code` of a `REMOTE_ERROR`. */
  readonly code: string;
  /** The message may be shown to whoever asked. */
  readonly expose = true;

  /** @throws MessagingError `INVALID_ARGUMENT` for what it cannot be made of */
  constructor(code: string, message: string, options?: { readonly cause?: unknown }) {
    checkText("code", code);
    if (message !== undefined) checkText("message", message);
    super(
      message,
      readArguments(() =>
        options !== undefined && "cause" in options ? { cause: options.cause } : undefined,
      ),
    );
    this.code = code;
  }
}
