import { MessagingError } from "../errors/messaging-error.ts";

/** How much a client holds that is not confirmed yet, against its bound. */
export class PendingBudget {
  readonly maxMessages: number;
  readonly #maxBytes: number;
  #messages = 0;
  #bytes = 0;
  #onIdle: (() => void)[] = [];

  constructor(maxMessages: number, maxBytes: number) {
    this.maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Takes room for one message, or answers why there is none. */
  take(bytes: number): MessagingError | undefined {
    // One message alone always fits, however small the bound.
    const tooMany = this.#messages > 0 && this.#messages >= this.maxMessages;
    if (tooMany || (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes)) return this.#refusal(bytes);
    this.#messages++;
    this.#bytes += bytes;
    return undefined;
  }

  /** For a message that was let in, and is larger now. */
  grow(bytes: number): void {
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#messages--;
    this.#bytes -= bytes;
    if (this.#messages === 0 && this.#onIdle.length > 0)
      for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Resolves when nothing is pending. */
  async idle(): Promise<void> {
    while (this.#messages > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  #refusal(bytes: number): MessagingError {
    return new MessagingError(
      "OVERLOADED",
      `There is no room for a message of ${bytes} bytes: ${this.#messages} messages (${this.#bytes} bytes) await their confirmation, and \`maxPending\` allows ${this.maxMessages} (${this.#maxBytes} bytes).`,
      {
        remedy:
          "Await your publishes, so that you publish no faster than the broker stores, or raise `maxPending`.",
        details: { messages: this.#messages, maxMessages: this.maxMessages, maxBytes: this.#maxBytes },
      },
    );
  }
}
