/** A first few are let in before their size is known: as many as would fit if each were this large, in bytes. */
const assumedBytes = 4 * 1024 * 1024;
/** What properties and headers count as, in bytes, on top of a body. */
const overheadBytes = 256;
/** How many messages it takes, about, for a new size to be believed. */
const memory = 8;
/** Sizes vary, so what they allow must be more or less than what there is by so much to change anything. */
const growBy = 1.5;
const shrinkBy = 0.6;

/** What a subscription may hold. */
export interface PrefetchLimits {
  /** In messages. */
  readonly prefetch: number;
  /** In bytes. */
  readonly prefetchBytes: number;
}

/** What there is on the channel, in messages. */
export interface Unsettled {
  readonly all: number;
  /** Those of a consumer that was cancelled. */
  readonly leftover: number;
  /** The newest consumer has used up its credit: nothing is on its way to it. */
  readonly isNewestFull: boolean;
}

/** What to do about the consumers besides the first one: add one with this prefetch, or cancel the newest. */
export type PrefetchChange = { readonly add: number } | "cancel" | undefined;

/**
 * How many messages to have the broker push. Its credit is a number of messages and is
 * fixed for a consumer's life, so the first consumer's is small, and others are added for
 * as many more as are wanted and fit by their size, and cancelled when they do not any more.
 */
export class AdaptivePrefetch {
  readonly first: number;
  readonly #prefetchBytes: number;
  #prefetch: number;
  #bytesEach: number | undefined;
  #seen = 0;
  /** The prefetches of those that were added, the newest last. */
  readonly #added: number[] = [];
  /** The prefetch of all together. */
  #current: number;
  /** There is enough to do for more than the first consumer. */
  #isBusy = false;

  constructor({ prefetch, prefetchBytes }: PrefetchLimits) {
    this.#prefetch = prefetch;
    this.#prefetchBytes = prefetchBytes;
    this.first = Math.max(1, Math.min(prefetch, Math.floor(prefetchBytes / assumedBytes)));
    this.#current = this.first;
  }

  /** In messages, from now on. */
  setPrefetch(prefetch: number): void {
    if (prefetch > this.#prefetch) this.#isBusy = true;
    this.#prefetch = prefetch;
  }

  /** A body of so many bytes came. */
  arrived(bodyBytes: number): void {
    const bytes = bodyBytes + overheadBytes;
    const before = this.#bytesEach ?? bytes;
    this.#bytesEach = before + (bytes - before) / memory;
    this.#seen++;
  }

  /** Whoever asks makes the change. */
  change({ all, leftover, isNewestFull }: Unsettled): PrefetchChange {
    if (this.#seen < Math.min(memory, this.first)) return undefined;
    const fitting = Math.floor(this.#prefetchBytes / (this.#bytesEach ?? assumedBytes));
    if (fitting < this.#current * shrinkBy) return this.#shrink();
    // What is on its way to a consumer that is cancelled goes back and counts as delivered (seen on 4.0.5).
    // To keep memory bounded that is worth it; else such a consumer is let fill up first.
    if (this.#current > this.#prefetch) return isNewestFull ? this.#shrink() : undefined;
    // Only where the broker holds back for want of credit.
    this.#isBusy ||= all >= this.first;
    if (!this.#isBusy) return undefined;
    if (fitting >= this.#prefetch) return this.#grow(this.#prefetch, leftover);
    const isMuchMore = this.#added.length === 0 || fitting > this.#current * growBy;
    return isMuchMore ? this.#grow(fitting, leftover) : undefined;
  }

  #grow(wanted: number, leftover: number): PrefetchChange {
    const most = wanted - this.#current - leftover;
    // A few more are not worth a consumer, nor is a small part of what could soon be had at once.
    if (most < this.first / 2 || most * 2 < wanted - this.#current) return undefined;
    this.#added.push(most);
    this.#current += most;
    return { add: most };
  }

  #shrink(): PrefetchChange {
    const newest = this.#added.pop();
    if (newest === undefined) return undefined;
    this.#current -= newest;
    return "cancel";
  }
}
