import {
  type Address,
  MessagingError,
  type PublishOutcome,
  stored,
  systemClock,
  type WireMessage,
  within,
} from "@waybill/core/spi";
import type { AmqpConnection } from "../amqp/amqp-connection.ts";
import { AmqpError, conditionOf, ownConditions } from "../amqp/amqp-error.ts";
import { rungOf } from "../delays/ladder.ts";
import { isMissing } from "../errors.ts";
import { encode, encodeBatch, ownProperties } from "../mapping.ts";
import { hashOf, placeOf } from "../naming.ts";
import type { Settings } from "../options.ts";
import { type Parcel, pack, partsOf } from "./parcels.ts";
import { partitionOfKey } from "./partition-key.ts";
import { Senders } from "./senders.ts";

/** Where parcels go together. */
interface Route {
  readonly hub: string;
  /** For a partition of its own; `undefined` leaves it to the service, by key or in turn. */
  readonly partition: string | undefined;
  /** The one key of all of them, by which the service is to choose the partition. */
  readonly key: string | undefined;
  /** Whether none may overtake another. */
  readonly inOrder: boolean;
}

/** What the service might say to events with a partition key on the link of a partition. */
const refusals = new Set(["amqp:not-allowed", "com.microsoft:argument-error", "amqp:invalid-field"]);

/**
 * Stores messages, confirmed by the service. A batch is one transfer, and one request by
 * Azure's counting, so what has keys is batched by partition and not by key: as in the
 * vendor's buffered producer, the partition is found here.
 */
export class Publisher {
  readonly #amqp: AmqpConnection;
  readonly #settings: Settings;
  readonly #senders: Senders;
  /** Set once the service has refused keys on the link of a partition: then each key goes by itself. */
  #oneKeyAtOnce = false;

  constructor(amqp: AmqpConnection, settings: Settings) {
    this.#amqp = amqp;
    this.#settings = settings;
    this.#senders = new Senders(amqp);
  }

  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(batch.length).fill(stored);
    const place = placeOf(to, this.#settings);
    const own = place.mark === undefined ? undefined : { [ownProperties.mark]: place.mark };
    const parcels: Parcel[] = [];
    const later: { readonly parcel: Parcel; readonly delayMs: number }[] = [];
    const now = Date.now();
    for (let index = 0; index < batch.length; index++) {
      const message = batch[index] as WireMessage;
      const { key, delayMs } = message;
      if (delayMs > 0) {
        // One more, since clocks cut off what is below a millisecond.
        const due = String(Math.ceil(now + delayMs) + 1);
        const waiting = { ...own, [ownProperties.due]: due, [ownProperties.to]: place.hub };
        later.push({ parcel: { index, key, payload: encode(message, waiting) }, delayMs });
      } else parcels.push({ index, key, payload: encode(message, own) });
    }
    await Promise.all([
      to.kind === "inbox"
        ? this.#reply(place.hub, to.brokerName, parcels, outcomes)
        : this.#deliver(place.hub, parcels, outcomes),
      later.length === 0 ? undefined : this.#delay(place.hub, later, outcomes),
    ]);
    return outcomes;
  }

  /** Stores encoded messages in a hub, each where its key says. One outcome each, in order and in bounded time. */
  async deliver(
    hub: string,
    encoded: readonly { readonly payload: Buffer; readonly key: string | undefined }[],
  ): Promise<readonly PublishOutcome[]> {
    const parcels = encoded.map(({ payload, key }, index) => ({ index, payload, key }));
    return this.#inTime(parcels, (outcomes) => this.#deliver(hub, parcels, outcomes));
  }

  /** Stores encoded messages in one partition. One outcome each, in order and in bounded time. */
  async storeAt(
    hub: string,
    partition: string,
    payloads: readonly Buffer[],
  ): Promise<readonly PublishOutcome[]> {
    const parcels = payloads.map((payload, index) => ({ index, payload, key: undefined }));
    const route = { hub, partition, key: undefined, inOrder: true };
    return this.#inTime(parcels, (outcomes) => this.#send(route, parcels, outcomes));
  }

  /** For those who have nobody to lose patience for them: what the service never answers has failed. */
  async #inTime(
    parcels: readonly Parcel[],
    store: (outcomes: PublishOutcome[]) => Promise<unknown>,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(parcels.length).fill(stored);
    const { requestTimeoutMs } = this.#settings;
    let isAnswered = false;
    const storing = store(outcomes).then(() => {
      isAnswered = true;
    });
    await within(systemClock, requestTimeoutMs, storing);
    if (isAnswered) return outcomes;
    const late: PublishOutcome[] = [];
    fail(parcels, new AmqpError(ownConditions.timeout, `Not stored in ${requestTimeoutMs} ms.`), late);
    return late;
  }

  async #deliver(hub: string, parcels: readonly Parcel[], outcomes: PublishOutcome[]): Promise<void> {
    const unkeyed = parcels.filter(({ key }) => key === undefined);
    const keyed = parcels.filter(({ key }) => key !== undefined);
    await Promise.all([
      unkeyed.length === 0
        ? undefined
        : this.#send({ hub, partition: undefined, key: undefined, inOrder: false }, unkeyed, outcomes),
      keyed.length === 0
        ? undefined
        : this.#oneKeyAtOnce
          ? this.#deliverByKey(hub, keyed, outcomes)
          : this.#deliverByPartition(hub, keyed, outcomes),
    ]);
  }

  async #deliverByPartition(
    hub: string,
    parcels: readonly Parcel[],
    outcomes: PublishOutcome[],
  ): Promise<void> {
    let partitionIds: readonly string[];
    try {
      ({ partitionIds } = await this.#amqp.hub(hub));
    } catch (cause) {
      fail(parcels, cause, outcomes);
      return;
    }
    const byPartition = Map.groupBy(parcels, ({ key }) => partitionOfKey(key as string, partitionIds.length));
    await Promise.all(
      [...byPartition].map(async ([number, own]) => {
        const cause = await this.#send(
          { hub, partition: partitionIds[number], key: undefined, inOrder: true },
          own,
          outcomes,
        );
        if (!refusals.has(conditionOf(cause) ?? "")) return;
        this.#oneKeyAtOnce = true;
        const refused = own.filter(({ index }) => outcomes[index]?.ok === false);
        for (const { index } of refused) outcomes[index] = stored;
        await this.#deliverByKey(hub, refused, outcomes);
      }),
    );
  }

  async #deliverByKey(hub: string, parcels: readonly Parcel[], outcomes: PublishOutcome[]): Promise<void> {
    const byKey = Map.groupBy(parcels, ({ key }) => key);
    await Promise.all(
      [...byKey].map(([key, own]) =>
        this.#send({ hub, partition: undefined, key, inOrder: true }, own, outcomes),
      ),
    );
  }

  async #reply(
    hub: string,
    inbox: string,
    parcels: readonly Parcel[],
    outcomes: PublishOutcome[],
  ): Promise<void> {
    try {
      const { partitionIds } = await this.#amqp.hub(hub);
      const partition = partitionIds[hashOf(inbox) % partitionIds.length];
      await this.#send({ hub, partition, key: undefined, inOrder: false }, parcels, outcomes);
    } catch (cause) {
      fail(parcels, cause, outcomes);
    }
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
      const byRung = Map.groupBy(later, ({ delayMs }) => rungOf(delayMs, partitionIds.length));
      await Promise.all(
        [...byRung].map(([rung, own]) =>
          this.#send(
            { hub: delayHub, partition: partitionIds[rung], key: undefined, inOrder: false },
            own.map(({ parcel }) => parcel),
            outcomes,
          ),
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

  /** Answers why it failed, if it did. Where order counts batches go one after the other, else all at once. */
  async #send(route: Route, parcels: readonly Parcel[], outcomes: PublishOutcome[]): Promise<unknown> {
    const { inOrder } = route;
    const bins = pack(parcels, this.#settings.maxMessageBytes, inOrder ? 1 : partsOf(parcels.length));
    if (!inOrder) {
      await Promise.all(bins.map((bin) => this.#sendBin(route, bin, outcomes)));
      return undefined;
    }
    for (let i = 0; i < bins.length; i++) {
      const cause = await this.#sendBin(route, bins[i] as Parcel[], outcomes);
      if (cause === undefined) continue;
      for (const bin of bins.slice(i + 1)) fail(bin, cause, outcomes);
      return cause;
    }
    return undefined;
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
      const rest = bin.slice(middle);
      const failure = await this.#sendBin(route, bin.slice(0, middle), outcomes);
      if (failure === undefined) return this.#sendBin(route, rest, outcomes);
      fail(rest, failure, outcomes);
      return failure;
    }
  }
}

function fail(bin: readonly Parcel[], cause: unknown, outcomes: PublishOutcome[]): void {
  for (const { index } of bin) outcomes[index] = { ok: false, cause };
}
