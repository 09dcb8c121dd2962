import { MessagingError } from "../errors/messaging-error.ts";

/** How much a client holds that is not confirmed yet, against its bound. */
export class PendingBudget {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Takes room for one message, or answers why there is none. */
  take(bytes: number): MessagingError | undefined {
    // One message alone always fits, however small the bound.
    if (this.#messages > 0 && (this.#messages >= this.#maxMessages || this.#bytes + bytes > this.#maxBytes)) {
      return new MessagingError(
        "OVERLOADED",
        `${this.#messages} messages (${this.#bytes} bytes) await their confirmation already.`,
        {
          remedy:
            "Await your publishes, so that you publish no faster than the broker stores, or raise `maxPending`.",
        },
      );
    }
    this.#messages++;
    this.#bytes += bytes;
    return undefined;
  }

  give(bytes: number): void {
    this.#messages--;
    this.#bytes -= bytes;
  }
}
