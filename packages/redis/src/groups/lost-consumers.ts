import type { Unsettled } from "../delivery.ts";

/** A consumer's name in its group, and what is known of what it held: more may become known after the loss. */
export interface LostConsumer {
  readonly consumer: string;
  readonly unsettled: Unsettled;
}

/**
 * Consumers whose connection was lost before they could hand back what they held.
 * The same driver's next consumer of the group does it for them, long before
 * their leases run out.
 */
export class LostConsumers {
  readonly #lost = new Map<string, Set<LostConsumer>>();

  /** `lock`: the key that is unique to the group. */
  add(lock: string, consumer: LostConsumer): void {
    const lost = this.#lost.get(lock) ?? new Set();
    this.#lost.set(lock, lost.add(consumer));
  }

  of(lock: string): readonly LostConsumer[] {
    return [...(this.#lost.get(lock) ?? [])];
  }

  handedBack(lock: string, consumer: LostConsumer): void {
    const lost = this.#lost.get(lock);
    lost?.delete(consumer);
    if (lost?.size === 0) this.#lost.delete(lock);
  }
}
