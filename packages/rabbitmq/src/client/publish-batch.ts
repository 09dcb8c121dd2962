import {
  type Address,
  givenUp,
  MessagingError,
  metadataHeaders,
  type PublishOutcome,
  stored,
  type WireMessage,
} from "@waybill/core/spi";
import type { Message } from "amqplib";
import { channelLost, exchangeIn } from "../errors.ts";
import { textOf } from "../mapping.ts";

/**
 * The messages of one call, from the first byte written until the broker has
 * answered for all. Messages are told apart by their index and by the tag that
 * the channel counts for them, so that none needs a callback of its own.
 */
export class PublishBatch {
  readonly firstTag: number;
  readonly #to: Address;
  readonly #exchange: string;
  readonly #messages: readonly WireMessage[];
  /** Index in the batch, by tag − firstTag: what was refused before it was sent has no tag. */
  readonly #indexes: number[] = [];
  readonly #outcomes: PublishOutcome[];
  readonly #answered: Uint8Array;
  #unanswered = 0;
  /** Tags below this are answered, counted from firstTag. */
  #low = 0;
  #returnsFrom = 0;
  #failedKeys: Set<string | undefined> | undefined;
  #resolve: ((outcomes: readonly PublishOutcome[]) => void) | undefined;
  #written = false;
  done = false;

  constructor(to: Address, exchange: string, messages: readonly WireMessage[], firstTag: number) {
    this.#to = to;
    this.#exchange = exchange;
    this.#messages = messages;
    this.firstTag = firstTag;
    this.#outcomes = new Array<PublishOutcome>(messages.length).fill(stored);
    this.#answered = new Uint8Array(messages.length);
  }

  /** The tag after its last. */
  get endTag(): number {
    return this.firstTag + this.#indexes.length;
  }

  sent(index: number): void {
    this.#indexes.push(index);
    this.#unanswered++;
  }

  refuse(index: number, cause: unknown): void {
    this.#outcomes[index] = { ok: false, cause };
    this.#failedKeys ??= new Set();
    this.#failedKeys.add(this.#messages[index]?.key);
  }

  hasFailed(key: string | undefined): boolean {
    return key !== undefined && this.#failedKeys?.has(key) === true;
  }

  /** All is written. Resolves when all is answered, or with what is known when the signal fires. */
  completed(signal: AbortSignal, onAbandoned: () => void): Promise<readonly PublishOutcome[]> {
    this.#written = true;
    if (this.#unanswered === 0) {
      this.done = true;
      return Promise.resolve(this.#outcomes);
    }
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#failUnanswered(() => givenUp(signal));
        onAbandoned();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#resolve = (outcomes) => {
        signal.removeEventListener("abort", onAbort);
        resolve(outcomes);
      };
    });
  }

  confirm(tag: number, ok: boolean): void {
    this.#answer(tag - this.firstTag, ok);
    this.#finish();
  }

  confirmUpTo(tag: number, ok: boolean): void {
    const end = Math.min(tag - this.firstTag + 1, this.#indexes.length);
    for (let slot = this.#low; slot < end; slot++) this.#answer(slot, ok);
    if (end > this.#low) this.#low = end;
    this.#finish();
  }

  /** True if the returned message is one of these. */
  returned(exchange: string, routingKey: string, message: Message): boolean {
    const id = textOf(message.properties.messageId, message, metadataHeaders.id);
    for (let slot = this.#returnsFrom; slot < this.#indexes.length; slot++) {
      const index = this.#indexes[slot] as number;
      if (this.#answered[slot] === 1 || this.#messages[index]?.id !== id) continue;
      const delayed = (this.#messages[index]?.delayMs ?? 0) > 0;
      if (!delayed && exchange !== this.#exchange) continue;
      this.#outcomes[index] = this.#unroutable(delayed, exchange, routingKey);
      this.#returnsFrom = slot + 1;
      return true;
    }
    return false;
  }

  /** The channel closed: what is not answered is not known to be stored. */
  fail(cause: unknown): void {
    this.#failUnanswered((message) => (this.#isToBlame(message, cause) ? cause : channelLost(cause)));
  }

  #unroutable(delayed: boolean, exchange: string, routingKey: string): PublishOutcome {
    if (delayed) {
      const why = `The queue behind "${exchange}" is gone; it is made again.`;
      return {
        ok: false,
        cause: new MessagingError("BROKER_ERROR", why, { remedy: "Publish it again.", retryable: true }),
      };
    }
    if (this.#to.kind === "topic") return { ok: true, unrouted: true };
    return {
      ok: false,
      cause: new MessagingError("NOT_FOUND", `There is no queue "${routingKey}".`, {
        remedy: "Create it first, or let Waybill make what is missing.",
      }),
    };
  }

  /** RabbitMQ closes the channel on everyone for one message; only its words tell which. */
  #isToBlame(message: WireMessage, cause: unknown): boolean {
    if (!(cause instanceof Error)) return false;
    const size = /message size (\d+) /.exec(cause.message)?.[1];
    if (size !== undefined) return message.body.byteLength === Number(size);
    const exchange = exchangeIn(cause);
    return exchange !== undefined && message.delayMs === 0 && exchange === (this.#exchange || "amq.default");
  }

  #answer(slot: number, ok: boolean): void {
    if (this.#answered[slot] === 1 || slot >= this.#indexes.length) return;
    this.#answered[slot] = 1;
    this.#unanswered--;
    if (ok) return;
    const cause = new MessagingError(
      "BROKER_ERROR",
      "The broker could not take responsibility for the message.",
      {
        remedy: "Publish it again once the queue has room and its leader is up.",
        retryable: true,
      },
    );
    this.#outcomes[this.#indexes[slot] as number] = { ok: false, cause };
  }

  #failUnanswered(causeFor: (message: WireMessage) => unknown): void {
    for (let slot = 0; slot < this.#indexes.length; slot++) {
      if (this.#answered[slot] === 1) continue;
      this.#answered[slot] = 1;
      const index = this.#indexes[slot] as number;
      this.#outcomes[index] = { ok: false, cause: causeFor(this.#messages[index] as WireMessage) };
    }
    this.#unanswered = 0;
    this.#finish();
  }

  #finish(): void {
    if (this.#unanswered > 0 || !this.#written || this.done) return;
    this.done = true;
    this.#resolve?.(this.#outcomes);
  }
}
