import { Deque } from "./deque.ts";

/** How long, in milliseconds, all that shares one event loop may keep it before timers and sockets have their turn. */
const longestTurnMs = 10;

/** How many microtasks it takes, at most, until whoever awaits `next` goes on. */
const ticksToResume = 6;

// Taken when this is loaded: tests that fake timers do not stop the real event loop.
const steadyNow = performance.now.bind(performance);
const { setTimeout: afterAWhile } = globalThis;
/** Where the runtime has it: it comes after timers and sockets, without a timer's wait. */
const { setImmediate: afterSockets } = globalThis as {
  readonly setImmediate?: (callback: () => void) => unknown;
};
const later = afterSockets ?? ((callback: () => void) => afterAWhile(callback, 0));

/**
 * Shares the event loop among everything that could keep it busy for ever. Whoever works asks
 * `isOver` now and then, and waits for `next` when it is. The budget is one for all of them, so
 * that a timer comes in time however many there are.
 */
export class EventLoopTurns {
  readonly #waiting = new Deque<() => void>();
  #startedAt = 0;
  /** It has been asked for a callback that shows that the event loop has come round. */
  #underWay = false;
  /** Since the present turn began, or for certain by the time that callback comes. */
  #timersHaveRun = false;

  /** Whether the present turn has lasted long enough. The first question after a turn begins the next. */
  get isOver(): boolean {
    if (this.#underWay) return steadyNow() - this.#startedAt >= longestTurnMs;
    this.#begin(false);
    return false;
  }

  /** How many wait for `next`. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves when it is this caller's turn again, in the order of asking. */
  next(): Promise<void> {
    if (!this.#underWay) this.#begin(false);
    return new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #begin(timersHaveRun: boolean): void {
    this.#underWay = true;
    this.#timersHaveRun = timersHaveRun;
    this.#startedAt = steadyNow();
    later(this.#cameRound);
  }

  readonly #cameRound = (): void => {
    // A turn that began among sockets and used up its time there: timers come before the next.
    if (!this.#timersHaveRun && this.isOver) {
      this.#timersHaveRun = true;
      later(this.#cameRound);
      return;
    }
    this.#underWay = false;
    if (this.#waiting.size === 0) return;
    this.#begin(true);
    void this.#release();
  };

  /** One after the other, so that each has done its work before it is asked whether there is time for the next. */
  async #release(): Promise<void> {
    do {
      this.#waiting.shift()?.();
      for (let tick = 0; tick < ticksToResume; tick++) await undefined;
    } while (this.#waiting.size > 0 && !this.isOver);
  }
}

/** The turns of everything in this process: it has one event loop, whatever clocks its clients go by. */
export const eventLoopTurns: EventLoopTurns = new EventLoopTurns();
