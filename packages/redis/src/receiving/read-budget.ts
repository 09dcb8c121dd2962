import type { RedisDelivery } from "../delivery.ts";

/** The most bytes to ask for in one read: what arrives at once is parsed at once, and nothing else runs meanwhile. */
const readBytes = 2 * 1024 * 1024;
/** The least to ask for where core asks: it keeps to the bound by not asking. */
const leastReadBytes = 256 * 1024;
/** What a message counts as before one has been seen, in bytes: a first read is small, and tells. */
const assumedBytes = 256 * 1024;

/** What a subscription may hold. */
export interface Prefetch {
  /** In messages. */
  readonly prefetch: number;
  /** In bytes of whole entries. */
  readonly prefetchBytes: number;
}

/**
 * How many entries to ask for. COUNT is all that Redis takes, so bytes are bounded by
 * the sizes seen so far. It never says less than one: core decides whether to ask at all.
 */
export class ReadBudget {
  readonly #prefetchBytes: number;
  #prefetch: number;
  #bytesEach: number | undefined;
  #held = 0;
  #heldBytes = 0;
  /** Goes up when all is forgotten, so that what was held before is not subtracted later. */
  #epoch = 1;

  constructor({ prefetch, prefetchBytes }: Prefetch) {
    this.#prefetch = prefetch;
    this.#prefetchBytes = prefetchBytes;
  }

  /** In messages, from now on. If more are held, nothing is read ahead until fewer are. */
  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
  }

  /** For one read, at most `most`. */
  count(most: number): number {
    const prefetchBytes = this.#prefetchBytes;
    // What core has let go of unsettled still counts here, and must not slow reading down for good.
    const left = Math.max(prefetchBytes - this.#heldBytes, Math.min(leastReadBytes, prefetchBytes));
    const room = Math.min(readBytes, left);
    return Math.max(1, Math.min(most, Math.floor(room / (this.#bytesEach ?? assumedBytes))));
  }

  /** For a read that core has not asked for; 0: none. */
  countAhead(): number {
    const room = this.#prefetch - this.#held;
    // A few at a time are not worth a command.
    if (room < Math.max(2, this.#prefetch / 4) || this.#bytesEach === undefined) return 0;
    if (this.#heldBytes + this.#bytesEach > this.#prefetchBytes) return 0;
    return this.count(room);
  }

  fetched(deliveries: readonly RedisDelivery[]): void {
    if (deliveries.length === 0) return;
    let bytes = 0;
    for (const delivery of deliveries) {
      delivery.heldSince = this.#epoch;
      bytes += delivery.bytes;
    }
    this.#held += deliveries.length;
    this.#heldBytes += bytes;
    // Up at once and down slowly: too small a read costs little, too large a one memory.
    const each = Math.max(1, bytes / deliveries.length);
    const before = this.#bytesEach ?? each;
    this.#bytesEach = each > before ? each : (each + before) / 2;
  }

  /** It is settled, lost, or dropped. */
  released(delivery: RedisDelivery): void {
    if (delivery.heldSince !== this.#epoch) return;
    delivery.heldSince = 0;
    this.#held--;
    this.#heldBytes -= delivery.bytes;
  }

  /** None of what was held is this consumer's any more. */
  releaseAll(): void {
    this.#epoch++;
    this.#held = 0;
    this.#heldBytes = 0;
  }
}
