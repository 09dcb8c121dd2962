import { ownText } from "./own-text.ts";

/** What an entry takes beside its key and value, in bytes. */
const entryBytes = 140;

/**
 * A map whose keys are texts that somebody else chose (ids, keys, names), bounded in bytes, and
 * perhaps in number: the oldest are forgotten. Being set makes an entry the newest, being read does
 * not. For what is only a memory: a forgotten entry is asked for or made again, and whoever uses
 * one has it in hand.
 */
export class BoundedMap<V> {
  readonly #maxBytes: number;
  readonly #max: number;
  readonly #entries = new Map<string, { readonly value: V; readonly cost: number }>();
  #bytes = 0;
  #oldest: Iterator<string> | undefined;

  /**
   * `maxBytes`: the most that all entries take, each two bytes a character of its key, 140 for
   * itself, and what `set` says of its value. `max`: the most entries; no limit by default.
   */
  constructor(maxBytes: number, max = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
    this.#max = max;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** `undefined` where nothing is known, or no longer. */
  get(key: string): V | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Whether `get` would find something. */
  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Makes this the newest entry. `valueBytes`: what the value takes beside its key; default 0. An entry beyond `maxBytes` is not kept. */
  set(key: string, value: V, valueBytes = 0): void {
    this.delete(key);
    const cost = 2 * key.length + entryBytes + valueBytes;
    this.#entries.set(ownText(key), { value, cost });
    this.#bytes += cost;
    // One iterator for as long as each entry drives out another: a new one passes all that was deleted before.
    if (this.#isWithin) this.#oldest = undefined;
    else this.#oldest ??= this.#entries.keys();
    while (!this.#isWithin) this.delete(this.#oldest?.next().value);
  }

  get #isWithin(): boolean {
    return this.#bytes <= this.#maxBytes && this.#entries.size <= this.#max;
  }

  /** The keys, the oldest first. */
  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
    this.#oldest = undefined;
  }

  /** Returns whether there was such an entry. */
  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#bytes -= entry.cost;
    return this.#entries.delete(key);
  }
}
