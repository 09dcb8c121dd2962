import { BoundedMap } from "@waybill/core/spi";

/**
 * The most bytes of queue names and ids that are remembered, all queues together: some 15,000
 * messages. What is forgotten has the broker's count, which only makes it run alone.
 */
const maxBytes = 4 * 1024 * 1024;

/**
 * Deliveries that the broker counted and no handler saw, because a channel or connection
 * ended with them: known to this process alone, and subtracted when they come back to it.
 */
export class UncountedDeliveries {
  /** By queue and message id; the oldest first. */
  readonly #counts = new BoundedMap<number>(maxBytes);

  add(queue: string, id: string): void {
    const key = keyOf(queue, id);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** A handler had seen it after all. */
  subtract(queue: string, id: string): void {
    const key = keyOf(queue, id);
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else this.#counts.delete(key);
  }

  of(queue: string, id: string): number {
    return this.#counts.get(keyOf(queue, id)) ?? 0;
  }

  forget(queue: string, id: string): void {
    if (this.#counts.size > 0) this.#counts.delete(keyOf(queue, id));
  }
}

function keyOf(queue: string, id: string): string {
  return `${queue}\n${id}`;
}
