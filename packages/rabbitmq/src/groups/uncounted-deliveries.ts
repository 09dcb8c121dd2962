/** The most messages to remember, all queues together; an id in a property is at most 255 bytes. */
const most = 20_000;

/**
 * Deliveries that the broker counted and no handler saw, because a channel or connection
 * ended with them: known to this process alone, and subtracted when they come back to it.
 */
export class UncountedDeliveries {
  /** By queue and message id; the oldest first. */
  readonly #counts = new Map<string, number>();

  add(queue: string, id: string): void {
    const key = keyOf(queue, id);
    const count = this.#counts.get(key) ?? 0;
    this.#counts.delete(key);
    this.#counts.set(key, count + 1);
    if (this.#counts.size <= most) return;
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      break;
    }
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
