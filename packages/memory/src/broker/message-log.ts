import { MessagingError, type StartPosition, shownText } from "@waybill/core/spi";
import type { StoredMessage } from "../mapping.ts";

export interface Retention {
  /** The most messages and bytes it keeps; beyond them the oldest go. */
  readonly retainedMessages: number;
  readonly retainedBytes: number;
}

/** The latest messages of a topic, for replay and for groups that come late. */
export class MessageLog {
  readonly #retention: Retention;
  #messages: StoredMessage[] = [];
  /** Where the oldest is in `#messages`. What is before it is gone, and is cut off from time to time. */
  #head = 0;
  #bytes = 0;

  constructor(retention: Retention) {
    this.#retention = retention;
  }

  append(message: StoredMessage): void {
    this.#messages.push(message);
    this.#bytes += message.bytes;
    const { retainedMessages, retainedBytes } = this.#retention;
    while (this.#messages.length - this.#head > retainedMessages || this.#bytes > retainedBytes) {
      this.#bytes -= (this.#messages[this.#head] as StoredMessage).bytes;
      this.#head++;
    }
    if (this.#head * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The position of the first that is kept from there on; `undefined` when there is none. A start before the oldest is the oldest. */
  find(start: StartPosition): number | undefined {
    const isAfterStart = after(start);
    const first = this.#messages.findIndex((message, index) => index >= this.#head && isAfterStart(message));
    return this.#messages[first]?.position;
  }

  /** So many of those that are kept from this position on. */
  read(position: number, most: number): readonly StoredMessage[] {
    const oldest = this.#messages[this.#head];
    if (oldest === undefined) return [];
    // One position follows the other, without a gap.
    const first = this.#head + Math.max(0, position - oldest.position);
    return this.#messages.slice(first, first + most);
  }
}

function after(start: StartPosition): (message: StoredMessage) => boolean {
  if (start.from === "latest") return () => false;
  if (start.from === "earliest") return () => true;
  if (start.from === "time") return (message) => message.storedAt >= start.timestamp;
  const position = toNumber(start.position);
  return (message) => message.position >= position;
}

function toNumber(position: string): number {
  if (/^\d{1,15}$/.test(position)) return Number(position);
  throw new MessagingError("INVALID_ARGUMENT", `"${shownText(position)}" is no position of this broker.`, {
    remedy: "Use the `position` of a delivery, or of a receipt.",
  });
}
