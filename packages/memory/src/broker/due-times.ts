import type { Clock } from "@waybill/core/spi";
import { DueHeap, type Timed } from "./due-heap.ts";

/** The longest wait that JavaScript's timers take, in milliseconds. */
const longestTimer = 2 ** 31 - 1;

/** Items that wait for a time, however many, with one timer: set for the earliest. */
export class DueTimes<T extends Timed> {
  readonly #items = new DueHeap<T>();
  readonly #clock: Clock;
  readonly #onDue: (items: readonly T[]) => void;
  #timer: unknown;
  #timerAt = Number.POSITIVE_INFINITY;

  /** `onDue` gets all that is due, earliest first, already taken out. */
  constructor(clock: Clock, onDue: (items: readonly T[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  add(item: T, dueAt: number): void {
    this.#items.add(item, dueAt);
    if (dueAt < this.#timerAt) this.#setTimer();
  }

  /** Takes an item out before its time. Nothing happens if it is not in. */
  remove(item: T): void {
    this.#items.remove(item);
  }

  clear(): void {
    this.#items.clear();
    this.#clearTimer();
  }

  #setTimer(): void {
    this.#clearTimer();
    const { first } = this.#items;
    if (first === undefined) return;
    this.#timerAt = first.dueAt;
    // At least 1 ms: a timer may ring a little early by the wall clock, and must not spin then.
    const ms = Math.min(Math.max(first.dueAt - this.#clock.now(), 1), longestTimer);
    this.#timer = this.#clock.setTimeout(() => this.#ring(), ms);
    // What waits in the broker must not keep a process alive whose clients are all closed.
    (this.#timer as { unref?(): void }).unref?.();
  }

  #clearTimer(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #ring(): void {
    const now = this.#clock.now();
    const due: T[] = [];
    for (let { first } = this.#items; first !== undefined && first.dueAt <= now; { first } = this.#items) {
      this.#items.remove(first);
      due.push(first);
    }
    this.#setTimer();
    if (due.length > 0) this.#onDue(due);
  }
}
