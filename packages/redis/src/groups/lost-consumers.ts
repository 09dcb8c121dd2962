import { BoundedMap } from "@waybill/core/spi";
import type { Unsettled } from "../delivery.ts";

/** A consumer's name in its group, and what is known of what it held: more may become known after the loss. */
export interface LostConsumer {
  readonly consumer: string;
  readonly unsettled: Unsettled;
}

/** The most groups that are remembered, and the most bytes that their consumers took when they were lost. The leases of what is forgotten run out. */
const most = 10_000;
const maxBytes = 8 * 1024 * 1024;
/** What a consumer takes, and what each of its entries does. */
const consumerBytes = 300;
const entryBytes = 100;

/**
 * Consumers whose connection was lost before they could hand back what they held.
 * The same driver's next consumer of the group does it for them, long before
 * their leases run out.
 */
export class LostConsumers {
  readonly #lost = new BoundedMap<readonly LostConsumer[]>(maxBytes, most);

  /** How many groups have some. */
  get size(): number {
    return this.#lost.size;
  }

  /** `lock`: the key that is unique to the group. */
  add(lock: string, consumer: LostConsumer): void {
    this.#note(lock, [...this.of(lock), consumer]);
  }

  of(lock: string): readonly LostConsumer[] {
    return this.#lost.get(lock) ?? [];
  }

  handedBack(lock: string, consumer: LostConsumer): void {
    const known = this.of(lock);
    if (!known.includes(consumer)) return;
    this.#note(
      lock,
      known.filter((other) => other !== consumer),
    );
  }

  #note(lock: string, lost: readonly LostConsumer[]): void {
    if (lost.length === 0) return void this.#lost.delete(lock);
    this.#lost.set(
      lock,
      lost,
      lost.reduce((sum, consumer) => sum + bytesOf(consumer), 0),
    );
  }
}

function bytesOf({ unsettled: { main, returns } }: LostConsumer): number {
  let entries = 0;
  for (const { started, delayed } of [main, returns]) entries += started.length + delayed.length;
  return consumerBytes + entryBytes * entries;
}
