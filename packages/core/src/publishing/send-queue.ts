import { Deque } from "../runtime/deque.ts";
import type { PendingPublish } from "./pending-publish.ts";

/** Messages that wait for their turn to leave, oldest first. Some may be finished already: their caller gave up. */
export class SendQueue {
  readonly #line = new Deque<PendingPublish>();
  #places = 0;

  get size(): number {
    return this.#line.size;
  }

  /** When the first is out of time. */
  get nextDeadline(): number {
    return this.#line.peek()?.deadline ?? Number.POSITIVE_INFINITY;
  }

  add(entry: PendingPublish): void {
    entry.place = this.#places++;
    this.#line.push(entry);
  }

  /** What leaves together: no more messages and bytes than that, but one at least. */
  nextBatch(maxMessages: number, maxBytes: number): PendingPublish[] {
    const batch: PendingPublish[] = [];
    let bytes = 0;
    while (batch.length < maxMessages) {
      const next = this.#line.peek();
      if (next === undefined || (batch.length > 0 && bytes + next.size > maxBytes)) break;
      this.#line.shift();
      if (next.finished) continue;
      bytes += next.size;
      batch.push(next);
    }
    return batch;
  }

  /**
   * Those that left in vain stand before all younger ones again. Where several
   * batches leave at once, the older may come back after the younger.
   */
  putBack(entries: readonly PendingPublish[]): void {
    const youngest = entries.at(-1)?.place ?? 0;
    const before = [...entries];
    for (let head = this.#line.peek(); head !== undefined; head = this.#line.peek()) {
      if (head.place >= youngest) break;
      this.#line.shift();
      before.push(head);
    }
    if (before.length > entries.length) before.sort((a, b) => a.place - b.place);
    for (let i = before.length - 1; i >= 0; i--) this.#line.unshift(before[i] as PendingPublish);
  }

  /** Takes out those whose time is over. */
  takeOverdue(now: number): PendingPublish[] {
    const overdue: PendingPublish[] = [];
    for (let head = this.#line.peek(); head !== undefined; head = this.#line.peek()) {
      if (!head.finished && now < head.deadline) break;
      this.#line.shift();
      overdue.push(head);
    }
    return overdue;
  }

  takeAll(): PendingPublish[] {
    const taken: PendingPublish[] = [];
    for (let entry = this.#line.shift(); entry !== undefined; entry = this.#line.shift()) taken.push(entry);
    return taken;
  }
}
