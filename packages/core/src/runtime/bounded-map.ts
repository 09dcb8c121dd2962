/**
 * A map whose keys are texts that somebody else chose, bounded by their bytes, and perhaps in
 * number: the oldest are forgotten. A key counts two bytes a character and 100 for its entry.
 */
export class BoundedMap<V> {
  readonly #maxBytes: number;
  readonly #max: number;
  readonly #entries = new Map<string, { readonly value: V; readonly cost: number }>();
  #bytes = 0;
  #oldest: Iterator<string> | undefined;

  constructor(maxBytes: number, max = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** `valueBytes`: what the value holds of texts that somebody else chose. */
  set(key: string, value: V, valueBytes = 0): void {
    this.delete(key);
    const cost = 2 * key.length + 100 + valueBytes;
    this.#entries.set(key, { value, cost });
    this.#bytes += cost;
    // One iterator for as long as each entry drives out another: a new one passes all that was deleted before.
    if (this.#isWithin) this.#oldest = undefined;
    else this.#oldest ??= this.#entries.keys();
    while (!this.#isWithin) this.delete(this.#oldest?.next().value);
  }

  get #isWithin(): boolean {
    return this.#bytes <= this.#maxBytes && this.#entries.size <= this.#max;
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#bytes -= entry.cost;
    return this.#entries.delete(key);
  }
}
