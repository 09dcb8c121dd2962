import { type Address, type PublishOutcome, stored, type WireMessage } from "@waybill/core/spi";
import type { Service } from "./client/service.ts";
import { status, statusOf } from "./errors.ts";
import { encode, type PubsubMessage } from "./mapping.ts";
import { returnsId, topicId } from "./naming.ts";

/** How many requests of one call are under way at once. */
const mostRequests = 32;

/** What goes into one request. */
interface Batch {
  readonly topic: string;
  readonly messages: PubsubMessage[];
  /** Where they are in the batch. */
  readonly indexes: number[];
  bytes: number;
}

/** Publishes batches: one request for what goes to one topic, and for each ordering key, as the service asks. */
export class GooglePubsubPublisher {
  readonly #service: Service;
  readonly #replyTopic: string;

  constructor(service: Service, replyTopic: string) {
    this.#service = service;
    this.#replyTopic = replyTopic;
  }

  async publish(
    to: Address,
    batch: readonly WireMessage[],
    signal: AbortSignal,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(batch.length).fill(stored);
    await this.#sendAll(this.#batches(to, batch, outcomes), signal, outcomes);
    return outcomes;
  }

  /** Publishes to a topic, by its full name, what is encoded already. */
  async forward(
    topic: string,
    messages: readonly PubsubMessage[],
    signal: AbortSignal,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(messages.length).fill(stored);
    const batches = new Batches();
    messages.forEach((message, index) => {
      batches.add(topic, message, index);
    });
    await this.#sendAll(batches, signal, outcomes);
    return outcomes;
  }

  #batches(to: Address, batch: readonly WireMessage[], outcomes: PublishOutcome[]): Batches {
    const batches = new Batches();
    const inbox = to.kind === "inbox" ? to.brokerName : undefined;
    const main = this.#service.topicPath(inbox === undefined ? topicId(to) : this.#replyTopic);
    const later = to.kind === "queue" ? this.#service.topicPath(returnsId(to)) : main;
    for (let index = 0; index < batch.length; index++) {
      const message = batch[index] as WireMessage;
      let encoded: PubsubMessage;
      try {
        encoded = encode(message, inbox);
      } catch (cause) {
        outcomes[index] = { ok: false, cause };
        continue;
      }
      batches.add(message.delayMs > 0 ? later : main, encoded, index);
    }
    return batches;
  }

  async #sendAll(batches: Batches, signal: AbortSignal, outcomes: PublishOutcome[]): Promise<void> {
    const all = batches.all;
    for (let start = 0; start < all.length; start += mostRequests) {
      const some = all.slice(start, start + mostRequests);
      await Promise.all(some.map((batch) => this.#send(batch, signal, outcomes)));
    }
  }

  /** Returns why what comes behind must not be sent yet: this has to be sent again before it. */
  async #send(
    batch: Batch,
    signal: AbortSignal,
    outcomes: PublishOutcome[],
  ): Promise<PublishOutcome | undefined> {
    const { topic, messages, indexes, bytes } = batch;
    try {
      await this.#service.publish(topic, messages, bytes, signal);
      return undefined;
    } catch (cause) {
      const refused = statusOf(cause) === status.INVALID_ARGUMENT;
      if (refused && messages.length > 1) return this.#sendHalves(batch, signal, outcomes);
      const failed: PublishOutcome = { ok: false, cause };
      for (const index of indexes) outcomes[index] = failed;
      return refused ? undefined : failed;
    }
  }

  /** One that the service does not take makes it refuse all; which one, it does not say. */
  async #sendHalves(
    batch: Batch,
    signal: AbortSignal,
    outcomes: PublishOutcome[],
  ): Promise<PublishOutcome | undefined> {
    const [first, second] = halves(batch);
    const inTheWay = await this.#send(first, signal, outcomes);
    if (inTheWay === undefined) return this.#send(second, signal, outcomes);
    for (const index of second.indexes) outcomes[index] = inTheWay;
    return inTheWay;
  }
}

/** Sorts messages into requests: those of one key into one, since the service takes no two keys at once. */
class Batches {
  readonly #byName = new Map<string, Batch>();

  get all(): Batch[] {
    return [...this.#byName.values()];
  }

  add(topic: string, message: PubsubMessage, index: number): void {
    const name = message.orderingKey == null ? topic : `${topic} ${message.orderingKey}`;
    let batch = this.#byName.get(name);
    if (batch === undefined) {
      batch = { topic, messages: [], indexes: [], bytes: 0 };
      this.#byName.set(name, batch);
    }
    batch.messages.push(message);
    batch.indexes.push(index);
    batch.bytes += message.data?.length ?? 0;
  }
}

function halves({ topic, messages, indexes, bytes }: Batch): [Batch, Batch] {
  const middle = messages.length >> 1;
  return [
    { topic, messages: messages.slice(0, middle), indexes: indexes.slice(0, middle), bytes },
    { topic, messages: messages.slice(middle), indexes: indexes.slice(middle), bytes },
  ];
}
