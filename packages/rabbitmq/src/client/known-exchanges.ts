import { BoundedMap } from "@waybill/core/spi";

/** The most names that are known, and the most bytes that they take; the oldest is looked up again. */
const mostKnown = 10_000;
const maxBytes = 2 * 1024 * 1024;

/**
 * Exchanges that were there when this connection last declared or looked them up, so that nobody
 * asks the broker again. Publishing to one that is not there closes the channel on everyone.
 */
export class KnownExchanges {
  readonly #names = new BoundedMap<true>(maxBytes, mostKnown);

  has(name: string): boolean {
    return this.#names.has(name);
  }

  add(name: string): void {
    if (!this.#names.has(name)) this.#names.set(name, true);
  }

  forget(name: string): void {
    this.#names.delete(name);
  }

  /** One of them turned out to be gone, so any may be. */
  clear(): void {
    this.#names.clear();
  }
}
