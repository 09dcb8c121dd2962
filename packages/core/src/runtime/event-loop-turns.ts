import { Deque } from "./deque.ts";

/** How long, in milliseconds, all that shares one event loop may keep it before timers and sockets have their turn. */
const longestTurnMs = 10;

/** How many microtasks it takes, at most, until whoever awaits `next` goes on. */
const ticksToResume = 6;

// Taken when this is loaded: tests that fake timers do not stop the real event loop.
const later = globalThis.setTimeout;
const steadyNow = performance.now.bind(performance);

/**
 * Shares the event loop among everything that could keep it busy for ever. Whoever works asks
 * `isOver` now and then, and waits for `next` when it is. The budget is one for all of them, so
 * that a timer comes in time however many there are.
 */
class EventLoopTurns {
  readonly #waiting = new Deque<() => void>();
  #startedAt = 0;
  /** A timer is set whose callback shows that the event loop has come round. */
  #underWay = false;

  /** Whether the present turn has lasted long enough. The first question after a turn begins the next. */
  get isOver(): boolean {
    if (this.#underWay) return steadyNow() - this.#startedAt >= longestTurnMs;
    this.#begin();
    return false;
  }

  /** Resolves when it is this caller's turn again, in the order of asking. */
  next(): Promise<void> {
    if (!this.#underWay) this.#begin();
    return new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #begin(): void {
    this.#underWay = true;
    this.#startedAt = steadyNow();
    later(() => {
      this.#underWay = false;
      if (this.#waiting.size === 0) return;
      this.#begin();
      void this.#release();
    }, 0);
  }

  /** One after the other, so that each has done its work before it is asked whether there is time for the next. */
  async #release(): Promise<void> {
    do {
      this.#waiting.shift()?.();
      for (let tick = 0; tick < ticksToResume; tick++) await undefined;
    } while (this.#waiting.size > 0 && !this.isOver);
  }
}

/** The turns of everything in this process: it has one event loop, whatever clocks its clients go by. */
export const eventLoopTurns = new EventLoopTurns();
