import {
  type PrefetchChange,
  type PrefetchLimits,
  type PrefetchPolicy,
  SizeEstimate,
  type Unsettled,
} from "./prefetch-limits.ts";

/** Sizes vary, so what they allow must be more or less than what there is by so much to change anything. */
const growBy = 1.5;
const shrinkBy = 0.6;

/**
 * For a queue that serves several consumers: the first one's prefetch is small, and others are
 * added for as many more as are wanted and fit by their size, and cancelled when they do not any more.
 */
export class AdaptivePrefetch implements PrefetchPolicy {
  readonly first: number;
  readonly #sizes: SizeEstimate;
  #prefetch: number;
  /** The prefetches of those that were added, the newest last. */
  readonly #added: number[] = [];
  /** The prefetch of all together. */
  #current: number;
  /** There is enough to do for more than the first consumer. */
  #isBusy = false;

  constructor(limits: PrefetchLimits) {
    this.#prefetch = limits.prefetch;
    this.#sizes = new SizeEstimate(limits);
    this.first = this.#sizes.first;
    this.#current = this.first;
  }

  setPrefetch(prefetch: number): void {
    if (prefetch > this.#prefetch) this.#isBusy = true;
    this.#prefetch = prefetch;
  }

  arrived(bodyBytes: number): void {
    this.#sizes.arrived(bodyBytes);
  }

  change({ all, leftover, isNewestFull }: Unsettled): PrefetchChange {
    if (!this.#sizes.isKnown) return undefined;
    const { fitting } = this.#sizes;
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
