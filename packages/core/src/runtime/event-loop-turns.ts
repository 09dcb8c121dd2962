import { Deque } from "./deque.ts";

/** How long, in milliseconds, all that shares one event loop may keep it before timers and sockets have their turn. */
const longestTurnMs = 10;

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
    if (this.#underWay) return performance.now() - this.#startedAt >= longestTurnMs;
    this.#begin();
    return false;
  }

  /** Resolves when it is this caller's turn again, in the order of asking. */
  async next(): Promise<void> {
    do {
      if (!this.#underWay) this.#begin();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } while (this.isOver);
  }

  #begin(): void {
    this.#underWay = true;
    this.#startedAt = performance.now();
    setTimeout(() => {
      this.#underWay = false;
      if (this.#waiting.size === 0) return;
      this.#begin();
      for (let left = this.#waiting.size; left > 0; left--) this.#waiting.shift()?.();
    }, 0);
  }
}

/** The turns of everything in this process: it has one event loop, whatever clocks its clients go by. */
export const eventLoopTurns = new EventLoopTurns();
