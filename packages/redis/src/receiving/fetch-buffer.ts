/**
 * Between a core that asks for deliveries and a read that may outlast the asking:
 * what a read brings when nobody waits any more is there for the next who asks.
 */
export class FetchBuffer<T> {
  #items: T[] = [];
  #fetching: Promise<void> | undefined;
  #failure: { readonly cause: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** Resolves with what is there, else with what one fetch brings, else with none. Rejects once a fetch has failed. */
  async receive(
    max: number,
    signal: AbortSignal,
    fetch: (max: number) => Promise<readonly T[]>,
  ): Promise<readonly T[]> {
    if (this.#items.length === 0 && this.#failure === undefined && !signal.aborted) {
      this.#fetching ??= this.#run(fetch(max));
      await this.#woken(signal);
    }
    if (this.#items.length === 0 && this.#failure !== undefined) throw this.#failure.cause;
    return this.#take(max);
  }

  /** Adds what came by another way than a fetch. */
  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** Takes away all that nobody has received, or what of it matches. */
  remove(matches: (item: T) => boolean = () => true): readonly T[] {
    const removed: T[] = [];
    const kept: T[] = [];
    for (const item of this.#items) (matches(item) ? removed : kept).push(item);
    this.#items = kept;
    return removed;
  }

  /** What nobody has received yet. */
  get items(): readonly T[] {
    return this.#items;
  }

  /** Resolves when no fetch is under way. */
  async idle(): Promise<void> {
    await this.#fetching;
  }

  async #run(fetched: Promise<readonly T[]>): Promise<void> {
    try {
      const items = await fetched;
      this.#items = this.#items.length === 0 ? (items as T[]) : this.#items.concat(items);
    } catch (cause) {
      this.#failure ??= { cause };
    }
    this.#fetching = undefined;
    this.#wake?.();
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wake = undefined;
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  #take(max: number): readonly T[] {
    const items = this.#items;
    if (items.length <= max) {
      this.#items = [];
      return items;
    }
    this.#items = items.slice(max);
    return items.slice(0, max);
  }
}
