import {
  type Address,
  MessagingError,
  type PublishOutcome,
  stored,
  type WireMessage,
} from "@waybill/core/spi";
import type { AmqpConnection } from "../amqp/amqp-connection.ts";
import { conditionOf } from "../amqp/amqp-error.ts";
import { rungOf } from "../delays/ladder.ts";
import { isMissing } from "../errors.ts";
import { batchOverhead, encode, encodeBatch, ownProperties, sectionOverhead } from "../mapping.ts";
import { hashOf, placeOf } from "../naming.ts";
import type { Settings } from "../options.ts";
import { Senders } from "./senders.ts";

/** An encoded message, and its place in the batch of whoever sends it. */
export interface Parcel {
  readonly index: number;
  readonly payload: Buffer;
}

/** Where parcels go together. */
interface Route {
  readonly hub: string;
  /** For a partition of its own; `undefined` leaves it to the service, by key or in turn. */
  readonly partition: string | undefined;
  readonly key: string | undefined;
}

/** A large batch without keys is sent in so many parts, which the service deals to the partitions in turn. */
const mostParts = 8;
const partAtLeast = 16;

/** Stores messages, confirmed by the service. A batch is one transfer, and one request by Azure's counting. */
export class Publisher {
  readonly #amqp: AmqpConnection;
  readonly #settings: Settings;
  readonly #senders: Senders;

  constructor(amqp: AmqpConnection, settings: Settings) {
    this.#amqp = amqp;
    this.#settings = settings;
    this.#senders = new Senders(amqp);
  }

  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(batch.length).fill(stored);
    const place = placeOf(to, this.#settings);
    const own = place.mark === undefined ? undefined : { [ownProperties.mark]: place.mark };
    const partition = to.kind === "inbox" ? await this.#replyPartition(place.hub, to.physical) : undefined;
    const byKey = new Map<string | undefined, Parcel[]>();
    const later: { readonly parcel: Parcel; readonly delayMs: number }[] = [];
    const now = Date.now();
    for (let index = 0; index < batch.length; index++) {
      const message = batch[index] as WireMessage;
      try {
        if (message.delayMs > 0) {
          // One more, since clocks cut off what is below a millisecond.
          const due = String(Math.ceil(now + message.delayMs) + 1);
          const waiting = { ...own, [ownProperties.due]: due, [ownProperties.to]: place.hub };
          later.push({ parcel: { index, payload: encode(message, waiting) }, delayMs: message.delayMs });
        } else add(byKey, message.key, { index, payload: encode(message, own) });
      } catch (cause) {
        outcomes[index] = { ok: false, cause };
      }
    }
    const sends = [...byKey].map(([key, parcels]) =>
      this.#send(
        { hub: place.hub, partition, key: partition === undefined ? key : undefined },
        parcels,
        outcomes,
      ),
    );
    if (later.length > 0) sends.push(this.#delay(place.hub, later, outcomes));
    await Promise.all(sends);
    return outcomes;
  }

  /** Stores parcels of the adapter's own making at one place. One outcome each, in order. */
  async store(route: Route, payloads: readonly Buffer[]): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(payloads.length).fill(stored);
    await this.#send(
      route,
      payloads.map((payload, index) => ({ index, payload })),
      outcomes,
    );
    return outcomes;
  }

  async #replyPartition(hub: string, inbox: string): Promise<string> {
    const { partitionIds } = await this.#amqp.hub(hub);
    return partitionIds[hashOf(inbox) % partitionIds.length] as string;
  }

  async #delay(
    home: string,
    later: readonly { readonly parcel: Parcel; readonly delayMs: number }[],
    outcomes: PublishOutcome[],
  ): Promise<void> {
    const { delayHub } = this.#settings;
    try {
      // Nothing is to wait for what is not there.
      await this.#amqp.hub(home);
      const { partitionIds } = await this.#amqp.hub(delayHub);
      const byRung = new Map<number, Parcel[]>();
      for (const { parcel, delayMs } of later) add(byRung, rungOf(delayMs, partitionIds.length), parcel);
      await Promise.all(
        [...byRung].map(([rung, parcels]) =>
          this.#send({ hub: delayHub, partition: partitionIds[rung], key: undefined }, parcels, outcomes),
        ),
      );
    } catch (cause) {
      for (const { parcel } of later) outcomes[parcel.index] = { ok: false, cause: this.#explained(cause) };
    }
  }

  #explained(cause: unknown): unknown {
    if (!isMissing(cause)) return cause;
    return new MessagingError(
      "NOT_FOUND",
      `event-hubs: the hub, or "${this.#settings.delayHub}" for delays, is missing.`,
      {
        remedy: "Declare a topic or queue with rights to make hubs, or make it by hand.",
        cause,
      },
    );
  }

  /** Parcels of one key go one batch after the other, so that none overtakes; those without a key all at once. */
  async #send(route: Route, parcels: readonly Parcel[], outcomes: PublishOutcome[]): Promise<void> {
    const inOrder = route.key !== undefined;
    const bins = pack(parcels, this.#settings.maxMessageBytes, inOrder ? 1 : partsOf(parcels.length));
    if (!inOrder) {
      await Promise.all(bins.map((bin) => this.#sendBin(route, bin, outcomes)));
      return;
    }
    for (let i = 0; i < bins.length; i++) {
      const cause = await this.#sendBin(route, bins[i] as Parcel[], outcomes);
      if (cause === undefined) continue;
      for (const bin of bins.slice(i + 1)) fail(bin, cause, outcomes);
      return;
    }
  }

  /** Answers why it failed; a message that is too large by itself is no reason not to send others. */
  async #sendBin(route: Route, bin: readonly Parcel[], outcomes: PublishOutcome[]): Promise<unknown> {
    try {
      const sender = await this.#senders.get(route.hub, route.partition);
      await sender.send(
        encodeBatch(
          bin.map(({ payload }) => payload),
          route.key,
        ),
      );
      return undefined;
    } catch (cause) {
      if (conditionOf(cause) !== "amqp:link:message-size-exceeded") {
        fail(bin, cause, outcomes);
        return cause ?? new Error("unknown");
      }
      if (bin.length === 1) {
        fail(bin, cause, outcomes);
        return undefined;
      }
      // The tier's limit is lower than the option says: half a batch may pass where the whole does not.
      const middle = Math.ceil(bin.length / 2);
      return (
        (await this.#sendBin(route, bin.slice(0, middle), outcomes)) ??
        (await this.#sendBin(route, bin.slice(middle), outcomes))
      );
    }
  }
}

function partsOf(count: number): number {
  return Math.max(1, Math.min(mostParts, Math.floor(count / partAtLeast)));
}

/** Splits into batches below the limit, in order; into so many at least. */
function pack(parcels: readonly Parcel[], maxBytes: number, parts: number): Parcel[][] {
  const most = Math.ceil(parcels.length / parts);
  const bins: Parcel[][] = [];
  let bin: Parcel[] = [];
  let bytes = batchOverhead;
  for (const parcel of parcels) {
    const size = parcel.payload.length + sectionOverhead;
    if (bin.length > 0 && (bytes + size > maxBytes || bin.length >= most)) {
      bins.push(bin);
      bin = [];
      bytes = batchOverhead;
    }
    bin.push(parcel);
    bytes += size;
  }
  if (bin.length > 0) bins.push(bin);
  return bins;
}

function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function fail(bin: readonly Parcel[], cause: unknown, outcomes: PublishOutcome[]): void {
  for (const { index } of bin) outcomes[index] = { ok: false, cause };
}
