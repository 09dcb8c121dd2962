/** How the pauses of an `ExponentialBackoff` begin and how long they get. */
export interface ExponentialBackoffOptions {
  /** The first pause in milliseconds. */
  readonly firstMs: number;
  /** The longest pause in milliseconds. */
  readonly maxMs: number;
}

/** The pauses between tries of a loop that must not give up: each twice as long as the one before, up to a bound. */
export class ExponentialBackoff {
  readonly #options: ExponentialBackoffOptions;
  #nextMs: number;

  constructor(options: ExponentialBackoffOptions) {
    this.#options = options;
    this.#nextMs = options.firstMs;
  }

  /** How long to pause before the next try, in milliseconds. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(this.#options.maxMs, ms * 2);
    return ms;
  }

  /** A try has succeeded: the next pause is the first one again. */
  reset(): void {
    this.#nextMs = this.#options.firstMs;
  }
}
