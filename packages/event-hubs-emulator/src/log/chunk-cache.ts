import type { Chunk } from "./chunk.ts";

/** Who keeps chunks, and what it does about one that has to leave memory. */
export interface ChunkKeeper {
  evict(chunk: Chunk): void;
}

/** Bounds the memory of all partitions together; the oldest chunk leaves first. */
export class ChunkCache {
  readonly #limit: number;
  readonly #entries = new Map<Chunk, { keeper: ChunkKeeper; bytes: number }>();
  #used = 0;

  /** @param limit bytes that all chunks together may take */
  constructor(limit: number) {
    this.#limit = limit;
  }

  admit(chunk: Chunk, keeper: ChunkKeeper): void {
    this.#entries.set(chunk, { keeper, bytes: chunk.capacity });
    this.#used += chunk.capacity;
    while (this.#used > this.#limit && this.#entries.size > 1) {
      const [oldest, entry] = this.#entries.entries().next().value as [Chunk, { keeper: ChunkKeeper }];
      this.forget(oldest);
      entry.keeper.evict(oldest);
    }
  }

  forget(chunk: Chunk): void {
    const entry = this.#entries.get(chunk);
    if (entry === undefined) return;
    this.#entries.delete(chunk);
    this.#used -= entry.bytes;
  }
}
