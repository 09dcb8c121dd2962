import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "../src/runtime/clock.ts";
import { eventLoopTurns } from "../src/runtime/event-loop-turns.ts";

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** Time that stands still until a test moves it on. */
export class ManualClock implements Clock {
  #elapsed = 0;
  /** What the computer's clock says at 0. */
  #epoch = 1_000_000;
  #timers: Timer[] = [];

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { dueAt: this.#elapsed + Math.max(0, ms), callback };
    this.#timers.push(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }

  /** As the clocks of computers are at times. */
  setBack(ms: number): void {
    this.#epoch -= ms;
  }

  setAhead(ms: number): void {
    this.#epoch += ms;
  }

  /** Timers that are set: none are when nothing is under way. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    // What waits for the event loop could have happened by now, had others not been before it.
    do for (let i = 0; i < 3; i++) await turn();
    while (eventLoopTurns.waiting > 0);
  }

  /** Moves time on; each timer on the way fires at its own moment, and what it sets off happens then. */
  async pass(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await this.settle();
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.clearTimeout(timer);
      this.#elapsed = Math.max(this.#elapsed, timer.dueAt);
      timer.callback();
      await this.settle();
    }
    this.#elapsed = end;
  }

  #next(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueAt <= until && (next === undefined || timer.dueAt < next.dueAt)) next = timer;
    }
    return next;
  }
}
