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
  /** What came back to the queue, to be taken on at once, in messages. */
  readonly cameBack?: number | undefined;
}

/** What there is on the channel, in messages. */
export interface Unsettled {
  readonly all: number;
  /** Those of a consumer that was cancelled. */
  readonly leftover: number;
  /** The newest consumer has used up its credit: nothing is on its way to it. */
  readonly isNewestFull: boolean;
  /** What came last had been given back by another member, and this one must be given all that was. */
  readonly isTakingOn: boolean;
}

/**
 * What to do about the consumers on a channel: add one with this prefetch, cancel the newest, or
 * put one with this prefetch in the place of the newest.
 */
export type PrefetchChange = { readonly add: number } | "cancel" | { readonly replace: number } | undefined;

/** Decides how many messages to have the broker push. Its credit is a number of messages, fixed for a consumer's life. */
export interface PrefetchPolicy {
  /** The prefetch of the first consumer: small, since no size is known yet. */
  readonly first: number;
  /** In messages, from now on. */
  setPrefetch(prefetch: number): void;
  /** A body of so many bytes came. */
  arrived(bodyBytes: number): void;
  /** Whoever asks makes the change. */
  change(unsettled: Unsettled): PrefetchChange;
}

/** How large messages are, by those that came lately, and how many of them fit. */
export class SizeEstimate {
  readonly first: number;
  readonly #prefetchBytes: number;
  #bytesEach: number | undefined;
  #seen = 0;

  constructor({ prefetch, prefetchBytes }: PrefetchLimits) {
    this.#prefetchBytes = prefetchBytes;
    this.first = Math.max(1, Math.min(prefetch, Math.floor(prefetchBytes / assumedBytes)));
  }

  arrived(bodyBytes: number): void {
    const bytes = bodyBytes + overheadBytes;
    const before = this.#bytesEach ?? bytes;
    this.#bytesEach = before + (bytes - before) / memory;
    this.#seen++;
  }

  /** Whether enough have come to tell. */
  get isKnown(): boolean {
    return this.#seen >= Math.min(memory, this.first);
  }

  /** How many may be held. */
  get fitting(): number {
    return Math.floor(this.#prefetchBytes / (this.#bytesEach ?? assumedBytes));
  }
}
