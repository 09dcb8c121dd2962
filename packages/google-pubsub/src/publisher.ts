import { type Address, type PublishOutcome, stored, type WireMessage } from "@waybill/core/spi";
import { status, statusOf } from "./errors.ts";
import { encode } from "./mapping.ts";
import { returnsId, topicId } from "./naming.ts";
import type { PubsubMessage, Service } from "./service.ts";

/** How many requests of one call are under way at once. */
const mostRequests = 32;

/** What goes into one request. */
interface Parcel {
  readonly topic: string;
  readonly messages: PubsubMessage[];
  /** Where they are in the batch. */
  readonly indexes: number[];
  bytes: number;
}

/** Publishes batches: one request for what goes to one topic, and for each ordering key, as the service asks. */
export class Publisher {
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
    await this.#sendAll(this.#parcels(to, batch, outcomes), signal, outcomes);
    return outcomes;
  }

  /** Publishes to a topic, by its full name, what is encoded already. */
  async forward(
    topic: string,
    messages: readonly PubsubMessage[],
    signal: AbortSignal,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(messages.length).fill(stored);
    const parcels = new Parcels();
    messages.forEach((message, index) => {
      parcels.add(topic, message, index);
    });
    await this.#sendAll(parcels, signal, outcomes);
    return outcomes;
  }

  #parcels(to: Address, batch: readonly WireMessage[], outcomes: PublishOutcome[]): Parcels {
    const parcels = new Parcels();
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
      parcels.add(message.delayMs > 0 ? later : main, encoded, index);
    }
    return parcels;
  }

  async #sendAll(parcels: Parcels, signal: AbortSignal, outcomes: PublishOutcome[]): Promise<void> {
    const all = parcels.all;
    for (let start = 0; start < all.length; start += mostRequests) {
      const some = all.slice(start, start + mostRequests);
      await Promise.all(some.map((parcel) => this.#send(parcel, signal, outcomes)));
    }
  }

  /** Answers why what comes behind must not be sent yet: this has to be sent again before it. */
  async #send(
    parcel: Parcel,
    signal: AbortSignal,
    outcomes: PublishOutcome[],
  ): Promise<PublishOutcome | undefined> {
    const { topic, messages, indexes, bytes } = parcel;
    try {
      await this.#service.publish(topic, messages, bytes, signal);
      return undefined;
    } catch (cause) {
      const refused = statusOf(cause) === status.INVALID_ARGUMENT;
      if (refused && messages.length > 1) return this.#sendHalves(parcel, signal, outcomes);
      const failed: PublishOutcome = { ok: false, cause };
      for (const index of indexes) outcomes[index] = failed;
      return refused ? undefined : failed;
    }
  }

  /** One that the service does not take makes it refuse all; which one, it does not say. */
  async #sendHalves(
    parcel: Parcel,
    signal: AbortSignal,
    outcomes: PublishOutcome[],
  ): Promise<PublishOutcome | undefined> {
    const [first, second] = halves(parcel);
    const inTheWay = await this.#send(first, signal, outcomes);
    if (inTheWay === undefined) return this.#send(second, signal, outcomes);
    for (const index of second.indexes) outcomes[index] = inTheWay;
    return inTheWay;
  }
}

/** Sorts messages into requests: those of one key into one, since the service takes no two keys at once. */
class Parcels {
  readonly #byName = new Map<string, Parcel>();

  get all(): Parcel[] {
    return [...this.#byName.values()];
  }

  add(topic: string, message: PubsubMessage, index: number): void {
    const name = message.orderingKey == null ? topic : `${topic} ${message.orderingKey}`;
    let parcel = this.#byName.get(name);
    if (parcel === undefined) {
      parcel = { topic, messages: [], indexes: [], bytes: 0 };
      this.#byName.set(name, parcel);
    }
    parcel.messages.push(message);
    parcel.indexes.push(index);
    parcel.bytes += message.data?.length ?? 0;
  }
}

function halves({ topic, messages, indexes, bytes }: Parcel): [Parcel, Parcel] {
  const middle = messages.length >> 1;
  return [
    { topic, messages: messages.slice(0, middle), indexes: indexes.slice(0, middle), bytes },
    { topic, messages: messages.slice(middle), indexes: indexes.slice(middle), bytes },
  ];
}
