import {
  type Address,
  delayTierFor,
  durationText,
  MessagingError,
  type PublishOutcome,
  stored,
  systemClock,
  type WireMessage,
  within,
} from "@waybill/core/spi";
import type { AmqpConnection } from "./client/amqp-connection.ts";
import { AmqpError, conditionOf, ownConditions } from "./client/amqp-error.ts";
import { AmqpSenders } from "./client/amqp-senders.ts";
import { type EncodedMessage, partsOf, splitIntoBatches } from "./client/batches.ts";
import { encodeBatch, encodeMessage } from "./client/message-encoding.ts";
import { partitionOfKey } from "./client/partition-key.ts";
import { isMissing } from "./errors.ts";
import { ownProperties, toAmqpMessage } from "./mapping.ts";
import { hubAddressOf } from "./naming.ts";
import type { Settings } from "./options.ts";
import { replyPartition } from "./replies/reply-partition.ts";

/** Where messages go together. */
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
export class EventHubsPublisher {
  readonly #amqp: AmqpConnection;
  readonly #settings: Settings;
  readonly #senders: AmqpSenders;
  /** Set once the service has refused keys on the link of a partition: then each key goes by itself. */
  #oneKeyAtOnce = false;

  constructor(amqp: AmqpConnection, settings: Settings) {
    this.#amqp = amqp;
    this.#settings = settings;
    this.#senders = new AmqpSenders(amqp);
  }

  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(batch.length).fill(stored);
    const { hub, mark } = hubAddressOf(to, this.#settings);
    const own = mark === undefined ? undefined : { [ownProperties.mark]: mark };
    const encoded: EncodedMessage[] = [];
    const later: { readonly encoded: EncodedMessage; readonly delayMs: number }[] = [];
    for (let index = 0; index < batch.length; index++) {
      const message = batch[index] as WireMessage;
      const { key, delayMs } = message;
      if (delayMs > 0) {
        const waiting = {
          ...own,
          [ownProperties.wait]: durationText(delayMs),
          [ownProperties.to]: hub,
        };
        later.push({
          encoded: { index, key, payload: encodeMessage(toAmqpMessage(message, waiting)) },
          delayMs,
        });
      } else encoded.push({ index, key, payload: encodeMessage(toAmqpMessage(message, own)) });
    }
    await Promise.all([
      to.kind === "inbox"
        ? this.#reply(hub, to.brokerName, encoded, outcomes)
        : this.#deliver(hub, encoded, outcomes),
      later.length === 0 ? undefined : this.#delay(hub, later, outcomes),
    ]);
    return outcomes;
  }

  /** Stores encoded messages in a hub, each where its key says. One outcome each, in order and in bounded time. */
  async deliver(
    hub: string,
    messages: readonly { readonly payload: Buffer; readonly key: string | undefined }[],
  ): Promise<readonly PublishOutcome[]> {
    const encoded = messages.map(({ payload, key }, index) => ({ index, payload, key }));
    return this.#inTime(encoded, (outcomes) => this.#deliver(hub, encoded, outcomes));
  }

  /** Stores encoded messages in one partition. One outcome each, in order and in bounded time. */
  async storeAt(
    hub: string,
    partition: string,
    payloads: readonly Buffer[],
  ): Promise<readonly PublishOutcome[]> {
    const encoded = payloads.map((payload, index) => ({ index, payload, key: undefined }));
    const route = { hub, partition, key: undefined, inOrder: true };
    return this.#inTime(encoded, (outcomes) => this.#send(route, encoded, outcomes));
  }

  /** For those whom nobody gives up on: what the service never answers has failed. */
  async #inTime(
    encoded: readonly EncodedMessage[],
    store: (outcomes: PublishOutcome[]) => Promise<unknown>,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes = new Array<PublishOutcome>(encoded.length).fill(stored);
    const { requestTimeoutMs } = this.#settings;
    let isAnswered = false;
    const storing = store(outcomes).then(() => {
      isAnswered = true;
    });
    await within(systemClock, requestTimeoutMs, storing);
    if (isAnswered) return outcomes;
    const late: PublishOutcome[] = [];
    fail(encoded, new AmqpError(ownConditions.timeout, `Not stored in ${requestTimeoutMs} ms.`), late);
    return late;
  }

  async #deliver(hub: string, encoded: readonly EncodedMessage[], outcomes: PublishOutcome[]): Promise<void> {
    const unkeyed = encoded.filter(({ key }) => key === undefined);
    const keyed = encoded.filter(({ key }) => key !== undefined);
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
    encoded: readonly EncodedMessage[],
    outcomes: PublishOutcome[],
  ): Promise<void> {
    let partitionIds: readonly string[];
    try {
      ({ partitionIds } = await this.#amqp.hub(hub));
    } catch (cause) {
      fail(encoded, cause, outcomes);
      return;
    }
    const byPartition = Map.groupBy(encoded, ({ key }) => partitionOfKey(key as string, partitionIds.length));
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

  async #deliverByKey(
    hub: string,
    encoded: readonly EncodedMessage[],
    outcomes: PublishOutcome[],
  ): Promise<void> {
    const byKey = Map.groupBy(encoded, ({ key }) => key);
    await Promise.all(
      [...byKey].map(([key, own]) =>
        this.#send({ hub, partition: undefined, key, inOrder: true }, own, outcomes),
      ),
    );
  }

  async #reply(
    hub: string,
    inbox: string,
    encoded: readonly EncodedMessage[],
    outcomes: PublishOutcome[],
  ): Promise<void> {
    try {
      const { partitionIds } = await this.#amqp.hub(hub);
      const partition = replyPartition(inbox, partitionIds);
      await this.#send({ hub, partition, key: undefined, inOrder: false }, encoded, outcomes);
    } catch (cause) {
      fail(encoded, cause, outcomes);
    }
  }

  async #delay(
    home: string,
    later: readonly { readonly encoded: EncodedMessage; readonly delayMs: number }[],
    outcomes: PublishOutcome[],
  ): Promise<void> {
    const { delayHub } = this.#settings;
    try {
      // Nothing is to wait for what is not there.
      await this.#amqp.hub(home);
      const { partitionIds } = await this.#amqp.hub(delayHub);
      const byTier = Map.groupBy(later, ({ delayMs }) => delayTierFor(delayMs, partitionIds.length));
      await Promise.all(
        [...byTier].map(([tier, own]) =>
          this.#send(
            { hub: delayHub, partition: partitionIds[tier], key: undefined, inOrder: false },
            own.map(({ encoded }) => encoded),
            outcomes,
          ),
        ),
      );
    } catch (cause) {
      for (const { encoded } of later) outcomes[encoded.index] = { ok: false, cause: this.#explained(cause) };
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

  /** Resolves with why it failed, if it did. Where order counts batches go one after the other, else all at once. */
  async #send(
    route: Route,
    encoded: readonly EncodedMessage[],
    outcomes: PublishOutcome[],
  ): Promise<unknown> {
    const { inOrder } = route;
    const batches = splitIntoBatches(
      encoded,
      this.#settings.maxMessageBytes,
      inOrder ? 1 : partsOf(encoded.length),
    );
    if (!inOrder) {
      await Promise.all(batches.map((batch) => this.#sendBatch(route, batch, outcomes)));
      return undefined;
    }
    for (let i = 0; i < batches.length; i++) {
      const cause = await this.#sendBatch(route, batches[i] as EncodedMessage[], outcomes);
      if (cause === undefined) continue;
      for (const batch of batches.slice(i + 1)) fail(batch, cause, outcomes);
      return cause;
    }
    return undefined;
  }

  /** Resolves with why it failed; a message that is too large by itself is no reason not to send others. */
  async #sendBatch(
    route: Route,
    batch: readonly EncodedMessage[],
    outcomes: PublishOutcome[],
  ): Promise<unknown> {
    try {
      const sender = await this.#senders.get(route.hub, route.partition);
      await sender.send(
        encodeBatch(
          batch.map(({ payload }) => payload),
          route.key,
        ),
      );
      return undefined;
    } catch (cause) {
      if (conditionOf(cause) !== "amqp:link:message-size-exceeded") {
        fail(batch, cause, outcomes);
        return cause ?? new Error("unknown");
      }
      if (batch.length === 1) {
        fail(batch, cause, outcomes);
        return undefined;
      }
      // The tier's limit is lower than the option says: half a batch may pass where the whole does not.
      const middle = Math.ceil(batch.length / 2);
      const rest = batch.slice(middle);
      const failure = await this.#sendBatch(route, batch.slice(0, middle), outcomes);
      if (failure === undefined) return this.#sendBatch(route, rest, outcomes);
      fail(rest, failure, outcomes);
      return failure;
    }
  }
}

function fail(batch: readonly EncodedMessage[], cause: unknown, outcomes: PublishOutcome[]): void {
  for (const { index } of batch) outcomes[index] = { ok: false, cause };
}
