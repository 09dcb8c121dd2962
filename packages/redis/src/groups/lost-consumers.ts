/**
 * Consumers whose connection was lost before they could hand back what they held.
 * The same driver's next consumer of the group does it for them, long before
 * their leases run out.
 */
export class LostConsumers {
  readonly #names = new Map<string, Set<string>>();

  /** `lock`: the key that is unique to the group. */
  add(lock: string, consumer: string): void {
    const names = this.#names.get(lock) ?? new Set();
    this.#names.set(lock, names.add(consumer));
  }

  of(lock: string): readonly string[] {
    return [...(this.#names.get(lock) ?? [])];
  }

  settled(lock: string, consumer: string): void {
    const names = this.#names.get(lock);
    names?.delete(consumer);
    if (names?.size === 0) this.#names.delete(lock);
  }
}
