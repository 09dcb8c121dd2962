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

/**
 * For what one consumer reads alone: a stream, or a queue with a single active consumer. The first
 * one's prefetch is small; another takes its place with as many as fit by their size.
 */
export class ReplacingPrefetch implements PrefetchPolicy {
  readonly first: number;
  readonly #sizes: SizeEstimate;
  #prefetch: number;
  /** The prefetch of the consumer that reads now. */
  #current: number;
  /** There is more to read than the first consumer may. */
  #isBusy = false;

  constructor(limits: PrefetchLimits) {
    this.#prefetch = limits.prefetch;
    this.#sizes = new SizeEstimate(limits);
    this.first = this.#sizes.first;
    this.#current = this.first;
  }

  setPrefetch(prefetch: number): void {
    this.#prefetch = prefetch;
  }

  arrived(bodyBytes: number): void {
    this.#sizes.arrived(bodyBytes);
  }

  change({ all, leftover }: Unsettled): PrefetchChange {
    if (!this.#sizes.isKnown) return undefined;
    const wanted = Math.max(1, Math.min(this.#prefetch, this.#sizes.fitting));
    // All that was let in may still come, and what came stays until it is settled.
    const free = wanted - leftover - this.#current;
    if (this.#sizes.fitting < this.#current * shrinkBy) return this.#replace(Math.max(1, free));
    this.#isBusy ||= all >= this.first;
    const isMuchMore = free > this.#current * growBy && free * 2 >= wanted - this.#current;
    return this.#isBusy && isMuchMore ? this.#replace(free) : undefined;
  }

  #replace(prefetch: number): PrefetchChange {
    if (prefetch === this.#current) return undefined;
    this.#current = prefetch;
    return { replace: prefetch };
  }
}
