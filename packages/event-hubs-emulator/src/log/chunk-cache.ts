import type { Chunk } from "./chunk.ts";

/** Who keeps chunks, and what it does about one that has to leave memory. */
export interface ChunkKeeper {
  /** Whether more may still be added to a chunk. */
  isGrowing(chunk: Chunk): boolean;
  evict(chunk: Chunk): void;
}

interface Entry {
  readonly keeper: ChunkKeeper;
  bytes: number;
}

/**
 * Bounds the memory of all partitions together. The oldest chunk leaves first,
 * except that a partition's newest stays while anything else can go: one busy
 * partition should not push out the few events of many quiet ones.
 */
export class ChunkCache {
  readonly #limit: number;
  readonly #entries = new Map<Chunk, Entry>();
  #used = 0;

  /** @param limit bytes that all chunks together may take */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts a new chunk, or one that has grown. */
  admit(chunk: Chunk, keeper: ChunkKeeper): void {
    const bytes = chunk.bytes?.length ?? 0;
    const entry = this.#entries.get(chunk) ?? { keeper, bytes: 0 };
    if (entry.bytes === bytes) return;
    this.#used += bytes - entry.bytes;
    entry.bytes = bytes;
    this.#entries.set(chunk, entry);
    while (this.#used > this.#limit && this.#entries.size > 1) this.#evictOne(chunk);
  }

  #evictOne(except: Chunk): void {
    let fallback: Chunk | undefined;
    for (const [chunk, { keeper }] of this.#entries) {
      if (chunk === except) continue;
      fallback ??= chunk;
      if (keeper.isGrowing(chunk)) continue;
      fallback = chunk;
      break;
    }
    const entry = fallback === undefined ? undefined : this.#entries.get(fallback);
    if (fallback === undefined || entry === undefined) return;
    this.forget(fallback);
    entry.keeper.evict(fallback);
  }

  forget(chunk: Chunk): void {
    const entry = this.#entries.get(chunk);
    if (entry === undefined) return;
    this.#entries.delete(chunk);
    this.#used -= entry.bytes;
  }
}
