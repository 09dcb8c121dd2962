/**
 * A map whose keys are texts that somebody else chose, bounded by their bytes: the oldest are
 * forgotten. A key counts two bytes a character and 100 for its entry.
 */
export class BoundedMap<V> {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, { readonly value: V; readonly cost: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
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
    if (this.#bytes <= this.#maxBytes) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.delete(oldest);
    }
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#bytes -= entry.cost;
    return this.#entries.delete(key);
  }
}
