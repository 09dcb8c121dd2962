import { setTimeout as sleep } from "node:timers/promises";
import type {
  Call,
  CloseConsumerOptions,
  Consumer,
  ReceivedMessage,
  Settlement,
  SettleOutcome,
} from "@waybill/core/spi";
import { command, type RedisClient } from "./client/redis-client.ts";
import { mostIds } from "./client/script.ts";
import { ackAndRemove, ackOwned, type Token } from "./client/scripts/ack.ts";
import { recount } from "./client/scripts/recount.ts";
import { retry } from "./client/scripts/retry.ts";
import type { DelayForwarder } from "./delays/delay-forwarder.ts";
import type { DelayedEntry, RedisDelivery, Side, Unsettled } from "./delivery.ts";
import type { Intake } from "./groups/intake.ts";
import type { GroupKeys } from "./naming.ts";
import type { BlockingReader } from "./receiving/blocking-reader.ts";
import { FetchBuffer } from "./receiving/fetch-buffer.ts";
import type { ReadBudget } from "./receiving/read-budget.ts";

/** How long closing waits for a read to end, and then for the hand-back, in milliseconds. */
const closeTimeoutMs = 5_000;

export interface RedisConsumerParts {
  readonly keys: GroupKeys;
  readonly consumer: string;
  readonly commands: RedisClient;
  readonly reader: BlockingReader;
  readonly forwarder: DelayForwarder;
  readonly budget: ReadBudget;
  /** Something was settled, so that there may be something to trim. */
  readonly onSettled: () => void;
  /** Reading failed for good. */
  readonly onFailed: (cause: unknown) => void;
  /** It is closed. What it held is given if that could not be handed back. */
  readonly onClosed: (unsettled: Unsettled | undefined) => void;
}

/** A member of a group, or one of a queue's consumers. */
export class RedisConsumer implements Consumer {
  readonly #parts: RedisConsumerParts;
  readonly #intake: Intake;
  readonly #fetched = new FetchBuffer<RedisDelivery>();
  readonly #unsettled: Readonly<Record<Side, { started: string[]; delayed: DelayedEntry[] }>> = {
    main: { started: [], delayed: [] },
    returns: { started: [], delayed: [] },
  };
  #closing: Promise<void> | undefined;

  constructor(parts: RedisConsumerParts, intake: Intake) {
    this.#parts = parts;
    this.#intake = intake;
  }

  readonly #fetch = async (max: number): Promise<readonly RedisDelivery[]> => {
    try {
      return await this.#intake.fetch(max);
    } catch (cause) {
      this.#parts.onFailed(cause);
      throw cause;
    }
  };

  async receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    const received = await this.#fetched.receive(max, call.signal, this.#fetch);
    const now = performance.now();
    const isStale = (delivery: RedisDelivery) => !this.#intake.isLeased(delivery, now);
    // What waited here for longer than its lease, because nobody asked, is another's by now or soon.
    if (!received.some(isStale)) return received;
    this.#release(received.filter(isStale));
    return received.filter((delivery) => !isStale(delivery));
  }

  /** What was fetched and not received is not this member's any more. */
  forget(): void {
    this.#fetched.remove();
    this.#parts.budget.releaseAll();
  }

  async settle(batch: readonly Settlement[], _call: Call): Promise<readonly SettleOutcome[]> {
    const outcomes = new Array<SettleOutcome>(batch.length).fill("settled");
    if (this.#closing !== undefined) return outcomes.fill("lost");
    for (const side of ["main", "returns"] as const) {
      for (let start = 0; start < batch.length; start += mostIds) {
        await this.#settleSide(side, batch, start, Math.min(batch.length, start + mostIds), outcomes);
      }
    }
    this.#release(batch.map(({ delivery }) => delivery as RedisDelivery));
    this.#parts.onSettled();
    return outcomes;
  }

  async extend(batch: readonly ReceivedMessage[], _call: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    // What core has not received yet is leased too, and core does not know of it.
    const held = [...(batch as readonly RedisDelivery[]), ...this.#fetched.items];
    const lost = new Set(await this.#intake.extend(held));
    if (lost.size === 0) return [];
    this.#fetched.remove((delivery) => lost.has(delivery));
    this.#release([...lost]);
    return batch.filter((delivery) => lost.has(delivery as RedisDelivery));
  }

  setPrefetch(prefetch: number): void {
    this.#parts.budget.setPrefetch(prefetch);
  }

  async setRedeliveries(message: ReceivedMessage, redeliveries: number): Promise<void> {
    const delivery = message as RedisDelivery;
    const { keys, commands, consumer } = this.#parts;
    const count = Math.max(1, redeliveries - delivery.carried + 1);
    if (!(await recount(commands, keys, consumer, delivery, count))) return;
    delivery.redeliveries = redeliveries;
    delivery.count = count;
  }

  #release(deliveries: readonly RedisDelivery[]): void {
    for (const delivery of deliveries) this.#parts.budget.released(delivery);
  }

  close({ started, delayed }: CloseConsumerOptions): Promise<void> {
    // A connection that closes knows of no handlers; whoever does may come later.
    for (const message of started) {
      const { side, entry } = message as RedisDelivery;
      this.#unsettled[side].started.push(entry);
    }
    const now = performance.now();
    for (const [message, { delayMs, redeliveries }] of delayed) {
      const { side, entry, carried } = message as RedisDelivery;
      this.#unsettled[side].delayed.push({ entry, carried, redeliveries, dueAt: now + delayMs });
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #settleSide(
    side: Side,
    batch: readonly Settlement[],
    start: number,
    end: number,
    outcomes: SettleOutcome[],
  ): Promise<void> {
    const now = performance.now();
    const trusted: string[] = [];
    const trustedAt: number[] = [];
    const doubtful: Token[] = [];
    const doubtfulAt: number[] = [];
    const retried: (Token & { readonly delayMs: number })[] = [];
    const retriedAt: number[] = [];
    for (let i = start; i < end; i++) {
      const settlement = batch[i] as Settlement;
      const delivery = settlement.delivery as RedisDelivery;
      if (delivery.side !== side) continue;
      if (settlement.outcome === "retry") {
        retried.push({ entry: delivery.entry, count: delivery.count, delayMs: settlement.delayMs });
        retriedAt.push(i);
        this.#parts.forwarder.expect(settlement.delayMs);
      } else if (this.#intake.trusts(delivery, now)) {
        trusted.push(delivery.entry);
        trustedAt.push(i);
      } else {
        doubtful.push(delivery);
        doubtfulAt.push(i);
      }
    }
    const { keys, commands, consumer } = this.#parts;
    const { stream } = keys[side];
    const remove = keys.owned || side === "returns";
    if (trusted.length > 0) {
      await each(trustedAt, outcomes, async () => {
        const acked = remove
          ? await ackAndRemove(commands, stream, keys.group, trusted)
          : Number(await command(commands, "xack", [stream, keys.group, ...trusted]));
        // Nobody can have taken them over, so the group or the stream itself was taken away.
        return acked === 0 ? trusted.map((_, index) => index) : [];
      });
    }
    if (doubtful.length > 0) {
      await each(doubtfulAt, outcomes, () =>
        ackOwned(commands, stream, keys.group, consumer, remove, doubtful),
      );
    }
    if (retried.length > 0) {
      await each(retriedAt, outcomes, () =>
        retry(commands, stream, keys.returns, keys.group, consumer, remove, retried),
      );
    }
  }

  async #close(): Promise<void> {
    const { reader, forwarder } = this.#parts;
    forwarder.stop();
    const ended = Promise.all([this.#intake.interrupt(), this.#fetched.idle()]);
    await Promise.race([ended, sleep(closeTimeoutMs, undefined, { ref: false })]);
    reader.close();
    this.#fetched.remove();
    const handedBack = await Promise.race([
      this.#intake.handBack(this.#unsettled).then(
        () => true,
        () => false,
      ),
      sleep(closeTimeoutMs, false, { ref: false }),
    ]);
    this.#parts.onClosed(handedBack ? undefined : this.#unsettled);
  }
}

/** Does one kind of settlement for the deliveries at these indexes, and writes down what became of them. */
async function each(
  indexes: readonly number[],
  outcomes: SettleOutcome[],
  settle: () => Promise<readonly number[]>,
): Promise<void> {
  try {
    for (const lost of await settle()) outcomes[indexes[lost] as number] = "lost";
  } catch (cause) {
    for (const index of indexes) outcomes[index] = { cause };
  }
}
