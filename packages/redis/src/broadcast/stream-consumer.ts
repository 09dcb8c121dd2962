import { setTimeout as sleep } from "node:timers/promises";
import type { Call, Consumer, ReceivedMessage, Settlement, SettleOutcome } from "@waybill/core/spi";
import type { RedisDelivery } from "../delivery.ts";
import type { EntryMapping } from "../mapping.ts";
import type { BlockingReader } from "../receiving/blocking-reader.ts";
import { fresh } from "../receiving/deliveries.ts";
import { FetchBuffer } from "../receiving/fetch-buffer.ts";
import type { ReadBudget } from "../receiving/read-budget.ts";

/** How long closing waits for a read to end, and then for what else is to do, in milliseconds. */
const closeTimeoutMs = 5_000;
/** Node fires longer timers at once. */
const longestTimerMs = 2 ** 31 - 1;

export interface StreamConsumerParts {
  readonly stream: string;
  readonly reader: BlockingReader;
  readonly mapping: EntryMapping;
  readonly budget: ReadBudget;
  /** Where reading begins: after this id. */
  readonly after: string;
  /** Tells the broker that the reader is still there, and how far it has got. Called every `everyMs`. */
  readonly keep: { readonly everyMs: number; run(position: string): Promise<unknown> };
  /** It has read up to here. */
  readonly onRead?: (position: string) => void;
  /** Takes away what is left on the broker. */
  readonly remove: () => Promise<unknown>;
  readonly onClosed: () => void;
}

/** Reads a stream alone, from some point on, and leaves nothing behind: a subscription without a group, or an inbox. */
export class StreamConsumer implements Consumer {
  readonly #parts: StreamConsumerParts;
  readonly #fetched = new FetchBuffer<RedisDelivery>();
  readonly #retries = new Set<NodeJS.Timeout>();
  readonly #keeping: NodeJS.Timeout;
  #position: string;
  #interrupted = false;
  #closing: Promise<void> | undefined;

  constructor(parts: StreamConsumerParts) {
    this.#parts = parts;
    this.#position = parts.after;
    // A failure here shows where it matters: in the next read.
    this.#keeping = setInterval(() => parts.keep.run(this.#position).catch(() => {}), parts.keep.everyMs);
    this.#keeping.unref();
  }

  async receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    if (this.#closing !== undefined) return [];
    return this.#fetched.receive(max, call.signal, this.#fetch);
  }

  /** Nobody but this reader knows of its deliveries, so a retry is its own affair too. */
  async settle(batch: readonly Settlement[], _call: Call): Promise<readonly SettleOutcome[]> {
    if (this.#closing !== undefined) return batch.map(() => "lost");
    for (const settlement of batch) {
      const delivery = settlement.delivery as RedisDelivery;
      this.#parts.budget.released(delivery);
      if (settlement.outcome !== "retry") continue;
      const timer = setTimeout(
        () => {
          this.#retries.delete(timer);
          delivery.redeliveries++;
          this.#fetched.push(delivery);
        },
        Math.min(settlement.delayMs, longestTimerMs),
      );
      this.#retries.add(timer);
    }
    return batch.map(() => "settled");
  }

  /** Nothing is read here before core asks for it, and core asks for what its prefetch has room for. */
  setPrefetch(prefetch: number): void {
    this.#parts.budget.setPrefetch(prefetch);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  readonly #fetch = async (max: number): Promise<readonly RedisDelivery[]> => {
    const { reader, stream, mapping, onRead, budget } = this.#parts;
    if (this.#interrupted) return [];
    const options = ["COUNT", budget.count(max), "BLOCK", reader.blockMs];
    const replies = await reader.block("xread", [...options, "STREAMS", stream, this.#position]);
    const entries = replies[0]?.[1] ?? [];
    const deliveries = entries.map((entry) => fresh(mapping, "main", entry, 0));
    budget.fetched(deliveries);
    const last = deliveries.at(-1);
    if (last !== undefined) {
      this.#position = last.entry;
      onRead?.(last.entry);
    }
    return deliveries;
  };

  async #close(): Promise<void> {
    const { reader, remove, onClosed } = this.#parts;
    clearInterval(this.#keeping);
    for (const timer of this.#retries) clearTimeout(timer);
    this.#interrupted = true;
    void reader.interrupt();
    await Promise.race([this.#fetched.idle(), sleep(closeTimeoutMs, undefined, { ref: false })]);
    reader.close();
    this.#fetched.remove();
    await Promise.race([remove().catch(() => {}), sleep(closeTimeoutMs, undefined, { ref: false })]);
    onClosed();
  }
}
