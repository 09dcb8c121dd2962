/** The most queues to remember. */
const most = 10_000;
/** How long it is worth something, in milliseconds: by then another member has it, or sizes are others. */
const lifeMs = 60_000;
/** What was acked and had not reached the broker comes back too. */
const slack = 1.25;

/**
 * How many messages of a queue came back from this process's last consumer of it. The next one may
 * be given as many at once, so that no moment is left in which it has only a part of them
 * and is cut off: the queue would put that part behind the rest.
 */
export class GivenBack {
  readonly #counts = new Map<string, { readonly count: number; readonly until: number }>();

  /** At most so many, and perhaps none. */
  note(queue: string, count: number): void {
    this.#counts.delete(queue);
    if (count === 0) return;
    this.#counts.set(queue, { count: Math.ceil(count * slack), until: performance.now() + lifeMs });
    if (this.#counts.size <= most) return;
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest);
      break;
    }
  }

  /** 0 where nothing is known. */
  of(queue: string): number {
    const known = this.#counts.get(queue);
    return known === undefined || known.until < performance.now() ? 0 : known.count;
  }
}
