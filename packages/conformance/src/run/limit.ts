/** Runs work with no more than `most` of it under way at once, in the order given. */
export class Limit {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  readonly #idlers: (() => void)[] = [];
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // The slot passes on as it is, so that nobody slips in between.
      if (next !== undefined) next();
      else if (--this.#running === 0) for (const resolve of this.#idlers.splice(0)) resolve();
    }
  }

  /** Resolves when nothing runs or waits. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#idlers.push(resolve));
  }
}
