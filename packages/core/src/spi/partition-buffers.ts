import type { BufferedItem, PartitionBuffer } from "./partition-buffer.ts";

/** How much `PartitionBuffers` may hold of what core has not taken yet. */
export interface PartitionBuffersOptions {
  /** The most items that are fetched ahead, as `Source.prefetch`. */
  readonly prefetch: number;
  /** The most bytes that are fetched ahead, as `Source.prefetchBytes`. One item always fits. */
  readonly prefetchBytes: number;
}

/**
 * All partitions of one consumer of a log: the adapter fills their buffers, core takes from them
 * in turn, so that one full partition keeps no other waiting. Each partition may fill its share
 * of the prefetch and no more, so what is paused uses up nobody else's.
 */
export class PartitionBuffers<T extends BufferedItem, B extends PartitionBuffer<T>> {
  readonly #prefetchBytes: number;
  #prefetch: number;
  readonly #buffers = new Map<string, B>();
  #pausedIds: ReadonlySet<string> = new Set();
  #isSuspended = false;
  #turn = 0;
  #taken = 0;
  #failure: { readonly cause: unknown } | undefined;
  #wake: (() => void) | undefined;
  #isWaking = false;
  /** Called when a partition may have room again. */
  onRoom: () => void = () => {};
  /** Called when something has arrived for a partition. */
  onArrival: (buffer: B) => void = () => {};

  constructor({ prefetch, prefetchBytes }: PartitionBuffersOptions) {
    this.#prefetch = prefetch;
    this.#prefetchBytes = prefetchBytes;
  }

  get all(): Iterable<B> {
    return this.#buffers.values();
  }

  /** How many items core has taken so far. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether some partition has all that it may buffer, and waits for core to take of it. */
  get someFull(): boolean {
    for (const buffer of this.#buffers.values()) {
      if (buffer.isOpen && !buffer.isPaused && !this.#isBelowShare(buffer)) return true;
    }
    return false;
  }

  /** The most items that one partition may buffer. */
  get itemShare(): number {
    return Math.max(1, Math.floor(this.#prefetch / Math.max(1, this.#buffers.size)));
  }

  /** The most bytes that one partition may buffer; one item always fits. */
  get byteShare(): number {
    return Math.max(1, Math.floor(this.#prefetchBytes / Math.max(1, this.#buffers.size)));
  }

  get(id: string): B | undefined {
    return this.#buffers.get(id);
  }

  add(buffer: B): void {
    buffer.isPaused = this.#pausedIds.has(buffer.id);
    this.#buffers.set(buffer.id, buffer);
    this.onRoom();
  }

  /** Forgets a partition that is gone: what it might buffer is the others' now. */
  delete(buffer: B): void {
    if (this.#buffers.get(buffer.id) !== buffer) return;
    this.#buffers.delete(buffer.id);
    this.onRoom();
  }

  /** As `Consumer.pausePartitions`: these, and no others. */
  pausePartitions(ids: readonly string[]): void {
    this.#pausedIds = new Set(ids);
    for (const buffer of this.#buffers.values()) buffer.isPaused = this.#pausedIds.has(buffer.id);
    this.onRoom();
    this.#wakeSoon();
  }

  /** As `Consumer.setPrefetch`: the most items that are fetched ahead from now on. What is more already stays. */
  setPrefetch(prefetch: number): void {
    const grows = prefetch > this.#prefetch;
    this.#prefetch = prefetch;
    if (grows) this.onRoom();
  }

  /** Hands out nothing of any partition until it is called again with false. */
  suspend(isSuspended: boolean): void {
    if (this.#isSuspended === isSuspended) return;
    this.#isSuspended = isSuspended;
    if (!isSuspended) this.#wakeSoon();
  }

  /** The partitions to fetch of: those below their share, so that more is on its way before the last is taken. */
  withRoom(): B[] {
    let bytes = 0;
    for (const buffer of this.#buffers.values()) if (!buffer.isPaused) bytes += buffer.bytes;
    const isFull = bytes >= this.#prefetchBytes;
    const found: B[] = [];
    for (const buffer of this.#buffers.values()) {
      if (!buffer.isOpen || buffer.isPaused || !this.#isBelowShare(buffer)) continue;
      // Where every partition has a message above its share, a further one has to wait.
      if (buffer.buffered > 0 || !isFull) found.push(buffer);
    }
    return found;
  }

  /** Something has arrived for this partition. */
  arrived(buffer: B): void {
    this.#wakeSoon();
    this.onArrival(buffer);
  }

  /** What is buffered can still be received; then `receive` rejects. */
  fail(cause: unknown): void {
    this.#failure ??= { cause };
    this.#wake?.();
  }

  /** Resolves with 1 to `max` messages, or none when `waitMs` is over or the signal fires. */
  async receive<M>(
    max: number,
    signal: AbortSignal,
    toMessage: (from: B, item: T) => M,
    waitMs = 5_000,
  ): Promise<readonly M[]> {
    let taken = this.#take(max, toMessage);
    if (taken.length === 0 && this.#failure === undefined && !signal.aborted) {
      await this.#arrival(signal, waitMs);
      taken = this.#take(max, toMessage);
    }
    this.#taken += taken.length;
    if (taken.length > 0) this.onRoom();
    else if (this.#failure !== undefined) throw this.#failure.cause;
    return taken;
  }

  #isBelowShare(buffer: B): boolean {
    return buffer.buffered === 0 || (buffer.buffered < this.itemShare && buffer.bytes < this.byteShare);
  }

  /** Not at once: what came in the same answer from the network goes along. */
  #wakeSoon(): void {
    if (this.#wake === undefined || this.#isWaking) return;
    this.#isWaking = true;
    queueMicrotask(() => {
      this.#isWaking = false;
      if (this.#ready().length > 0) this.#wake?.();
    });
  }

  #arrival(signal: AbortSignal, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      signal.addEventListener("abort", done, { once: true });
      this.#wake = done;
    });
  }

  #ready(): B[] {
    const ready: B[] = [];
    if (this.#isSuspended) return ready;
    for (const buffer of this.#buffers.values()) {
      if (buffer.isOpen && !buffer.isPaused && buffer.buffered > 0) ready.push(buffer);
    }
    return ready;
  }

  #take<M>(max: number, toMessage: (from: B, item: T) => M): M[] {
    const taken: M[] = [];
    const ready = this.#ready();
    const start = this.#turn++;
    for (let i = 0; i < ready.length && taken.length < max; i++) {
      const buffer = ready[(start + i) % ready.length] as B;
      const fair = Math.ceil((max - taken.length) / (ready.length - i));
      for (let left = Math.min(fair, buffer.buffered); left > 0; left--) {
        const item = buffer.shift();
        if (item !== undefined) taken.push(toMessage(buffer, item));
      }
    }
    return taken;
  }
}
