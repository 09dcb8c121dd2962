/** Counts what runs at the same time. */
export class Gauge {
  running = 0;
  /** The most there ever were at once. */
  peak = 0;

  async during<T>(work: () => T | Promise<T>): Promise<T> {
    this.running++;
    this.peak = Math.max(this.peak, this.running);
    try {
      return await work();
    } finally {
      this.running--;
    }
  }
}

/** One gauge for each key. */
export class KeyGauges {
  readonly #gauges = new Map<string, Gauge>();

  of(key: string): Gauge {
    const gauge = this.#gauges.get(key) ?? new Gauge();
    this.#gauges.set(key, gauge);
    return gauge;
  }

  /** The most that ever ran at once for any one key. */
  get peak(): number {
    return Math.max(0, ...[...this.#gauges.values()].map((gauge) => gauge.peak));
  }
}
