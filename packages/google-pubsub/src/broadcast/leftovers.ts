import { BoundedMap } from "@waybill/core/spi";

/** The most that are remembered, and the most bytes of their names. A forgotten one ends by itself, after a day without a reader. */
const most = 1_000;
const maxBytes = 1024 * 1024;

/** Subscriptions of our own that could not be deleted, since the connection was lost: done on the next one. */
export class Leftovers {
  readonly #names = new BoundedMap<true>(maxBytes, most);

  get size(): number {
    return this.#names.size;
  }

  /** Removes a subscription, and remembers it for as long as that has not succeeded. */
  async remove(name: string, remove: (name: string) => Promise<unknown>): Promise<void> {
    this.#names.set(name, true);
    await remove(name);
    this.#names.delete(name);
  }

  /** Tries all once more. Does not wait for it. */
  removeAll(remove: (name: string) => Promise<unknown>): void {
    for (const name of [...this.#names.keys()]) this.remove(name, remove).catch(() => {});
  }
}
