import { type Clock, monotonicNow } from "./clock.ts";

/** How long something may take: whichever of the ends that were asked for comes first. */
export class TimeLimit {
  readonly #clock: Clock;
  readonly #over: AbortController;
  #endsAt = Number.POSITIVE_INFINITY;
  #timer: unknown;

  constructor(clock: Clock, over = new AbortController()) {
    this.#clock = clock;
    this.#over = over;
  }

  /** Fires when the time is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** No longer than so many milliseconds from now. */
  atMost(ms: number): void {
    const endsAt = monotonicNow(this.#clock) + ms;
    if (endsAt >= this.#endsAt) return;
    this.#endsAt = endsAt;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(() => this.#over.abort(), ms);
  }

  /** What it limits has ended: no timer is left, nor set any more. */
  end(): void {
    this.#endsAt = Number.NEGATIVE_INFINITY;
    this.#clock.clearTimeout(this.#timer);
  }
}
