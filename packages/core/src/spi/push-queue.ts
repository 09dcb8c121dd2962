/**
 * The seam between a client that pushes and a core that pulls: `push` from the
 * vendor's callback, `receive` from `Consumer.receive`.
 *
 * It does not refuse what is over `highWater`, since a pushed delivery cannot be
 * unsaid; it tells `onFull` once, for the driver to stop the flow, and `onDrained`
 * once half of it is gone again. A broker with a prefetch of its own needs neither.
 */
export class PushQueue<T> {
  #items: T[] = [];
  #head = 0;
  #waiting: ((items: readonly T[]) => void) | undefined;
  #failWaiting: ((cause: unknown) => void) | undefined;
  #max = 0;
  #full = false;
  #waking = false;
  #failure: { readonly cause: unknown } | undefined;
  readonly #options: PushQueueOptions;

  constructor(options: PushQueueOptions = {}) {
    this.#options = options;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
    if (this.#waiting !== undefined && !this.#waking) {
      // Not at once: what the same network chunk brings right behind it goes with it.
      this.#waking = true;
      queueMicrotask(this.#wakeUp);
    }
    const { highWater, onFull } = this.#options;
    if (highWater !== undefined && !this.#full && this.size >= highWater) {
      this.#full = true;
      onFull?.();
    }
  }

  /**
   * Resolves with 1 to `max` items, or with none once `waitMs` (default 5000) is
   * over or the signal fires. Rejects after `fail`, when nothing is left to take.
   */
  receive(max: number, signal: AbortSignal, waitMs = 5_000): Promise<readonly T[]> {
    if (this.size > 0) return Promise.resolve(this.#take(max));
    if (this.#failure !== undefined) return Promise.reject(this.#failure.cause);
    if (signal.aborted) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#wake(), waitMs);
      const onAbort = () => this.#wake();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiting = undefined;
        this.#failWaiting = undefined;
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#max = max;
      this.#waiting = (items) => {
        done();
        resolve(items);
      };
      this.#failWaiting = (cause) => {
        done();
        reject(cause);
      };
    });
  }

  /** Takes away what matches, such as the deliveries of a revoked partition. Returns what was taken. */
  remove(matches: (item: T) => boolean): readonly T[] {
    const kept: T[] = [];
    const removed: T[] = [];
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i] as T;
      (matches(item) ? removed : kept).push(item);
    }
    this.#items = kept;
    this.#head = 0;
    this.#drained();
    return removed;
  }

  /** The stream has ended for this cause: what is left can still be received, then `receive` rejects. */
  fail(cause: unknown): void {
    this.#failure ??= { cause };
    if (this.size === 0) this.#failWaiting?.(cause);
  }

  readonly #wakeUp = (): void => {
    this.#waking = false;
    this.#wake();
  };

  #wake(): void {
    const waiting = this.#waiting;
    if (waiting !== undefined) waiting(this.#take(this.#max));
  }

  #take(max: number): readonly T[] {
    const end = Math.min(this.#items.length, this.#head + max);
    const taken = this.#items.slice(this.#head, end);
    this.#head = end;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.#drained();
    return taken;
  }

  #drained(): void {
    const { highWater, onDrained } = this.#options;
    if (highWater === undefined || !this.#full || this.size > highWater / 2) return;
    this.#full = false;
    onDrained?.();
  }
}

/** When a `PushQueue` tells that it is full and that there is room again. */
export interface PushQueueOptions {
  /** The number of items at which `onFull` is called. Default: never. */
  readonly highWater?: number;
  readonly onFull?: () => void;
  readonly onDrained?: () => void;
}
