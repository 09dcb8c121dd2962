import type { Clock } from "@waybill/core/spi";

interface Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly callback: () => void;
  readonly clock: ModelClock;
  isSet: boolean;
}

/** Lets all run that can run by now. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** What the clocks show at the start, milliseconds since the epoch. */
const start = 1_700_000_000_000;

/** The time of one program. It stands still until it is moved on, and every clock of the program goes by it. */
export class ModelTime {
  /** Is told of what a timer's callback throws: in a real process it would be the end. */
  onError: (error: unknown) => void = () => {};
  #elapsed = 0;
  #order = 0;
  #timers: Timer[] = [];

  /** Milliseconds since the program began. */
  get elapsed(): number {
    return this.#elapsed;
  }

  /** Timers that are set and not over, of this clock or of all. */
  timers(clock?: ModelClock): number {
    return this.#timers.filter((timer) => clock === undefined || timer.clock === clock).length;
  }

  set(clock: ModelClock, callback: () => void, ms: number): Timer {
    const dueAt = this.#elapsed + Math.max(0, Math.ceil(ms));
    const timer: Timer = { dueAt, order: this.#order++, callback, clock, isSet: true };
    let at = this.#timers.length;
    while (at > 0 && (this.#timers[at - 1] as Timer).dueAt > dueAt) at--;
    this.#timers.splice(at, 0, timer);
    return timer;
  }

  clear(timer: Timer): void {
    if (!timer.isSet) return;
    timer.isSet = false;
    this.#timers.splice(this.#timers.indexOf(timer), 1);
  }

  /** Lets everything happen that needs no time. */
  settle(): Promise<void> {
    return turn();
  }

  /**
   * Moves on, from timer to timer, until the condition holds, but no longer than so many
   * milliseconds. What a timer sets off happens before the next fires. Resolves with whether the
   * condition holds.
   */
  async pass(ms: number, until: () => boolean = () => false): Promise<boolean> {
    const end = this.#elapsed + ms;
    await turn();
    while (!until()) {
      const timer = this.#timers[0];
      if (timer === undefined || timer.dueAt > end) {
        this.#elapsed = Math.max(this.#elapsed, end);
        return until();
      }
      this.clear(timer);
      this.#elapsed = Math.max(this.#elapsed, timer.dueAt);
      try {
        timer.callback();
      } catch (error) {
        this.onError(error);
      }
      await turn();
    }
    return true;
  }
}

/** One computer's clock: it counts as all do, and what it shows may be set ahead or back. */
export class ModelClock implements Clock {
  readonly #time: ModelTime;
  #offset = 0;

  constructor(time: ModelTime) {
    this.#time = time;
  }

  now(): number {
    return start + this.#time.elapsed + this.#offset;
  }

  monotonic(): number {
    return this.#time.elapsed;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    return ms === Number.POSITIVE_INFINITY ? undefined : this.#time.set(this, callback, ms);
  }

  clearTimeout(handle: unknown): void {
    if (handle !== undefined) this.#time.clear(handle as Timer);
  }

  /** As an operator or a time server does. */
  jump(ms: number): void {
    this.#offset += ms;
  }
}
