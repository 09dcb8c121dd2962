import { BoundedMap } from "@waybill/core/spi";

/** The most queues to remember, and the most bytes that their names take. */
const most = 10_000;
const maxBytes = 2 * 1024 * 1024;
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
  readonly #counts = new BoundedMap<{ readonly count: number; readonly until: number }>(maxBytes, most);

  /** At most so many, and perhaps none. */
  note(queue: string, count: number): void {
    if (count === 0) this.#counts.delete(queue);
    else this.#counts.set(queue, { count: Math.ceil(count * slack), until: performance.now() + lifeMs });
  }

  /** 0 where nothing is known. */
  of(queue: string): number {
    const known = this.#counts.get(queue);
    return known === undefined || known.until < performance.now() ? 0 : known.count;
  }
}
