/** The most names that are known; the oldest is looked up again. */
const mostKnown = 10_000;

/**
 * Exchanges that were there when this connection last declared or looked them up, so that nobody
 * asks the broker again. Publishing to one that is not there closes the channel on everyone.
 */
export class KnownExchanges {
  readonly #names = new Set<string>();

  has(name: string): boolean {
    return this.#names.has(name);
  }

  add(name: string): void {
    if (this.#names.size >= mostKnown && !this.#names.has(name))
      this.#names.delete(this.#names.values().next().value as string);
    this.#names.add(name);
  }

  forget(name: string): void {
    this.#names.delete(name);
  }

  /** One of them turned out to be gone, so any may be. */
  clear(): void {
    this.#names.clear();
  }
}
