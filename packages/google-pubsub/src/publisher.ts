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
    const parcels = this.#parcels(to, batch, outcomes);
    for (let start = 0; start < parcels.length; start += mostRequests) {
      const some = parcels.slice(start, start + mostRequests);
      await Promise.all(some.map((parcel) => this.#send(parcel, signal, outcomes)));
    }
    return outcomes;
  }

  #parcels(to: Address, batch: readonly WireMessage[], outcomes: PublishOutcome[]): Parcel[] {
    const parcels = new Map<string, Parcel>();
    const inbox = to.kind === "inbox" ? to.physical : undefined;
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
      const topic = message.delayMs > 0 ? later : main;
      const name = message.key === undefined ? topic : `${topic} ${message.key}`;
      let parcel = parcels.get(name);
      if (parcel === undefined) {
        parcel = { topic, messages: [], indexes: [], bytes: 0 };
        parcels.set(name, parcel);
      }
      parcel.messages.push(encoded);
      parcel.indexes.push(index);
      parcel.bytes += message.body.length;
    }
    return [...parcels.values()];
  }

  async #send(parcel: Parcel, signal: AbortSignal, outcomes: PublishOutcome[]): Promise<void> {
    const { topic, messages, indexes, bytes } = parcel;
    try {
      await this.#service.publish(topic, messages, bytes, signal);
    } catch (cause) {
      if (statusOf(cause) === status.INVALID_ARGUMENT && messages.length > 1) {
        // One that the service does not take makes it refuse all; which one, it does not say.
        for (const half of halves(parcel)) await this.#send(half, signal, outcomes);
        return;
      }
      for (const index of indexes) outcomes[index] = { ok: false, cause };
    }
  }
}

function halves({ topic, messages, indexes, bytes }: Parcel): Parcel[] {
  const middle = messages.length >> 1;
  return [
    { topic, messages: messages.slice(0, middle), indexes: indexes.slice(0, middle), bytes },
    { topic, messages: messages.slice(middle), indexes: indexes.slice(middle), bytes },
  ];
}
