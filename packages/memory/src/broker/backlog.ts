import type { MemoryDelivery } from "../delivery.ts";
import { LinkedList } from "./linked-list.ts";
import type { Taker } from "./partition.ts";

/** What waits in a queue, and in which order it goes out. */
export interface Backlog {
  readonly size: number;
  /** Puts one at the end. */
  add(delivery: MemoryDelivery): void;
  /** Takes out what this member is to get next; `undefined` where it may have nothing, or has no room for it. */
  next(member: Taker): MemoryDelivery | undefined;
  /** Takes out one that waits. */
  remove(delivery: MemoryDelivery): void;
  /** One that was taken out is done with. */
  finish(delivery: MemoryDelivery): void;
  /** Those that were taken out, sorted by `sequence`, go back to where they were. */
  restore(deliveries: readonly MemoryDelivery[]): void;
  /** One that was taken out has to wait, and nothing of its key may pass it until it is restored. */
  park(delivery: MemoryDelivery): void;
}

/** First come, first served. */
export class PlainBacklog implements Backlog {
  readonly #waiting = new LinkedList<MemoryDelivery>();
  #sequence = 0;

  get size(): number {
    return this.#waiting.size;
  }

  add(delivery: MemoryDelivery): void {
    delivery.sequence = this.#sequence++;
    this.#waiting.append(delivery);
  }

  next(member: Taker): MemoryDelivery | undefined {
    const { first } = this.#waiting;
    if (first === undefined || !member.hasRoomFor(first.message.bytes)) return undefined;
    this.#waiting.remove(first);
    return first;
  }

  remove(delivery: MemoryDelivery): void {
    this.#waiting.remove(delivery);
  }

  finish(): void {}

  park(): void {}

  restore(deliveries: readonly MemoryDelivery[]): void {
    // What comes back is older than nearly all that waits, so one pass from the front is short.
    let younger = this.#waiting.first;
    for (const delivery of deliveries) {
      while (younger !== undefined && younger.sequence < delivery.sequence) younger = younger.next;
      this.#waiting.insertBefore(delivery, younger);
    }
  }
}
