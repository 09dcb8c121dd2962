/** A window grows when it was received so many times over within the time… */
const quickTimes = 3;
const quickMs = 1_000;
/** …and shrinks when less than half of it was received in this time, with a good part of it still held. */
const slowMs = 2_000;

export interface PrefetchBounds {
  /** What it begins with, and never falls below. */
  readonly prefetch: number;
  /** What it may grow to: the same where the application has said a number. */
  readonly maxPrefetch: number;
}

/**
 * How many messages may be held. Enough to keep quick handlers busy over the way to the broker
 * and back, and no more, since what one member holds no other can handle.
 */
export class PrefetchWindow {
  readonly #given: PrefetchBounds;
  #bounds: PrefetchBounds;
  #size: number;
  #received = 0;
  #since = 0;

  constructor(bounds: PrefetchBounds) {
    this.#given = bounds;
    this.#bounds = bounds;
    this.#size = bounds.prefetch;
  }

  get size(): number {
    return this.#size;
  }

  get isFixed(): boolean {
    return this.#bounds.maxPrefetch === this.#bounds.prefetch;
  }

  /** From now on never less than so many, nor than it began with. True when the size has changed. */
  keepAtLeast(least: number): boolean {
    const { prefetch, maxPrefetch } = this.#given;
    this.#bounds = { prefetch: Math.max(prefetch, least), maxPrefetch: Math.max(maxPrefetch, least) };
    const hasGrown = this.#size < this.#bounds.prefetch;
    if (hasGrown) this.#size = this.#bounds.prefetch;
    return hasGrown;
  }

  /**
   * So many more were received at this steady time, and so many are held. True when the size has
   * changed.
   */
  note(received: number, held: number, now: number): boolean {
    if (this.isFixed) return false;
    this.#received += received;
    const passed = now - this.#since;
    const { prefetch, maxPrefetch } = this.#bounds;
    let size = this.#size;
    if (passed <= quickMs && this.#received >= quickTimes * size) size = Math.min(maxPrefetch, 2 * size);
    else if (passed >= slowMs && this.#received < size / 2 && held >= size / 4)
      size = Math.max(prefetch, Math.floor(size / 2));
    else if (passed < slowMs) return false;
    this.#received = 0;
    this.#since = now;
    if (size === this.#size) return false;
    this.#size = size;
    return true;
  }
}
