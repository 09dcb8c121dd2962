/** Time as core and the embedded broker see it, so that tests can hold it still and move it on. */
export interface Clock {
  /** Milliseconds since the epoch. It may jump, forwards and back: for time stamps, not for how long something took. */
  now(): number;
  /**
   * Milliseconds since some moment. It never jumps and never goes back, whatever happens to `now()`.
   * Default: `now()`.
   */
  monotonic?(): number;
  /** Calls back once, `ms` from now, as `monotonic()` counts; never for `Infinity`. The handle is for `clearTimeout` only. */
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** What to measure durations and deadlines by: the same clock, as far as it can without its jumps. */
export function monotonicNow(clock: Clock): number {
  return clock.monotonic === undefined ? clock.now() : clock.monotonic();
}

/** The longest wait of the runtime's own timers, 24.8 days in milliseconds: what is longer would fire at once. */
const longestMs = 2 ** 31 - 1;

/** A wait that is longer than the runtime's timers can: one after the other. */
class LongTimer {
  #current: ReturnType<typeof setTimeout> | undefined;

  constructor(callback: () => void, ms: number) {
    this.#wait(callback, ms);
  }

  #wait(callback: () => void, ms: number): void {
    if (ms === Number.POSITIVE_INFINITY) return;
    this.#current =
      ms <= longestMs
        ? setTimeout(callback, ms)
        : setTimeout(() => this.#wait(callback, ms - longestMs), longestMs);
  }

  clear(): void {
    clearTimeout(this.#current);
  }
}

/** The computer's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, ms) => (ms > longestMs ? new LongTimer(callback, ms) : setTimeout(callback, ms)),
  clearTimeout(handle) {
    if (handle instanceof LongTimer) handle.clear();
    else clearTimeout(handle as ReturnType<typeof setTimeout>);
  },
};
