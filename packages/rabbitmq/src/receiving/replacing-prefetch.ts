import {
  type PrefetchChange,
  type PrefetchLimits,
  type PrefetchPolicy,
  SizeEstimate,
  type Unsettled,
} from "./prefetch-limits.ts";

/** A consumer is replaced for so many times its prefetch, and no less. */
const growBy = 1.5;
const shrinkBy = 0.6;

/** How many more of what came back to take at first, and so many times that with each step. */
const firstStep = 64;
const stepBy = 1.5;

/**
 * For what one consumer reads alone: a stream, or a queue with a single active consumer. The first
 * one's prefetch is small; another takes its place with as many as fit by their size.
 */
export class ReplacingPrefetch implements PrefetchPolicy {
  readonly first: number;
  readonly #sizes: SizeEstimate;
  #prefetch: number;
  /** The largest that was set: to follow a smaller one is not worth a consumer. */
  #most: number;
  /** The prefetch of the consumer that reads now. */
  #current: number;
  /** There is more to read than the first consumer may. */
  #isBusy = false;
  /** How many more of what came back to take next; 0: to see whether there is more. */
  #step = 0;

  constructor(limits: PrefetchLimits) {
    this.#prefetch = limits.prefetch;
    this.#most = limits.prefetch;
    this.#sizes = new SizeEstimate(limits);
    this.first = Math.max(this.#sizes.first, limits.cameBack ?? 0);
    this.#current = this.first;
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
    this.#most = Math.max(this.#most, prefetch);
  }

  arrived(bodyBytes: number): void {
    this.#sizes.arrived(bodyBytes);
  }

  change({ all, leftover, isNewestFull, isTakingOn }: Unsettled): PrefetchChange {
    if (!this.#sizes.isKnown) return undefined;
    const wanted = Math.max(1, Math.min(this.#prefetch, this.#sizes.fitting));
    // All that was let in may still come, and what came stays until it is settled.
    const free = wanted - leftover - this.#current;
    this.#isBusy ||= all >= this.first;
    const isMuchMore = free > this.#current * growBy && free * 2 >= wanted - this.#current;
    if (this.#isBusy && isMuchMore) return this.#replace(free);
    if (isTakingOn) return isNewestFull ? this.#takeMore() : undefined;
    const isTooMuch = Math.min(this.#most, this.#sizes.fitting) < this.#current * shrinkBy;
    return isTooMuch && Math.max(1, free) < this.#current ? this.#replace(Math.max(1, free)) : undefined;
  }

  /**
   * What came back may be more than is wanted, and is taken all the same: whoever gave it back
   * held it within the same bounds. One more shows whether there is more, and only then
   * many more are let in, up to half of the bytes that are wanted. Few and growing steps, since each
   * leaves a consumer behind, and the broker returns what they hold in their order for up to
   * 32 of them only (the order of a small map in Erlang).
   */
  #takeMore(): PrefetchChange {
    const step = this.#step;
    const change = this.#replace(Math.max(1, Math.min(step, this.#sizes.fitting >> 1)));
    this.#step = step === 0 ? firstStep : Math.ceil(step * stepBy);
    return change;
  }

  #replace(prefetch: number): PrefetchChange {
    this.#step = 0;
    this.#current = prefetch;
    return { replace: prefetch };
  }
}
