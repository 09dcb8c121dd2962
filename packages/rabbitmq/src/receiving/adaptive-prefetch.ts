/** A first few are let in before their size is known: as many as would fit if each were this large, in bytes. */
const assumedBytes = 4 * 1024 * 1024;
/** What properties and headers count as, in bytes, on top of a body. */
const overheadBytes = 256;
/** How many messages it takes, about, for a new size to be believed. */
const memory = 8;

/** What a subscription may hold. */
export interface PrefetchLimits {
  /** In messages. */
  readonly prefetch: number;
  /** In bytes. */
  readonly prefetchBytes: number;
}

/** What to do about the consumer that the broker serves besides the first one. */
export type PrefetchChange = { readonly add: number } | "cancel" | undefined;

/**
 * How many messages to have the broker push. Its credit is a number of messages and is
 * fixed for a consumer's life, so the first consumer's is small, and a second one is
 * added for as many more as fit by their size, and cancelled when they grow.
 */
export class AdaptivePrefetch {
  readonly first: number;
  readonly #limits: PrefetchLimits;
  #bytesEach: number | undefined;
  #seen = 0;
  #added = 0;
  /** Messages of a cancelled consumer may still be unsettled. */
  #leftover = false;

  constructor(limits: PrefetchLimits) {
    this.#limits = limits;
    this.first = Math.max(1, Math.min(limits.prefetch, Math.floor(limits.prefetchBytes / assumedBytes)));
  }

  /** A body of so many bytes came, and so many messages are unsettled now. */
  arrived(bodyBytes: number, unsettled: number): PrefetchChange {
    const bytes = bodyBytes + overheadBytes;
    const before = this.#bytesEach ?? bytes;
    this.#bytesEach = before + (bytes - before) / memory;
    this.#seen++;
    const { prefetch, prefetchBytes } = this.#limits;
    const wanted = Math.min(prefetch, Math.floor(prefetchBytes / this.#bytesEach));
    if (this.#added === 0) return this.#add(wanted, unsettled);
    const current = this.first + this.#added;
    if (wanted >= current * 0.6 && (wanted <= current * 1.5 || unsettled < current)) return undefined;
    this.#added = 0;
    this.#leftover = true;
    return "cancel";
  }

  #add(wanted: number, unsettled: number): PrefetchChange {
    const most = wanted - this.first - (this.#leftover ? unsettled : 0);
    // Only where the broker holds back for want of credit, and sizes are known.
    const isShort = this.#leftover ? unsettled <= this.first : unsettled >= this.first;
    if (most < this.first / 2 || !isShort || this.#seen < Math.min(memory, this.first)) return undefined;
    this.#added = most;
    return { add: most };
  }
}
