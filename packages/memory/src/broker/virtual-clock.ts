import { type Clock, MessagingError } from "@waybill/core/spi";
import { DueHeap, type Timed } from "./due-heap.ts";
import { turn } from "./turn.ts";

/** Time that stands still until it is moved on. */
export interface VirtualClock extends Clock {
  /**
   * Moves time on by so many milliseconds. Timers that fall due on the way fire in
   * order, each at its own time, and what one sets off runs before the next fires.
   */
  advance(ms: number): Promise<void>;
  /** When the next timer is due, milliseconds since the epoch; `undefined` when none is set. */
  nextTimerAt(): number | undefined;
}

class Timer implements Timed {
  readonly callback: () => void;
  dueAt = 0;
  dueOrder = 0;
  dueIndex = -1;

  constructor(callback: () => void) {
    this.callback = callback;
  }
}

/**
 * A clock for tests. Give the same one to the broker and to `connect`, and hours of
 * delays, backoff and leases pass in milliseconds, the same way in every run.
 * @param start where it stands at first, milliseconds since the epoch; by default the present time
 * @throws MessagingError `INVALID_ARGUMENT`
 */
export function virtualClock(start = Date.now()): VirtualClock {
  const timers = new DueHeap<Timer>();
  let now = checkedMs("start", start);
  return {
    now: () => now,
    setTimeout(callback, ms) {
      const timer = new Timer(callback);
      timers.add(timer, now + Math.max(0, ms));
      return timer;
    },
    clearTimeout(handle) {
      if (handle instanceof Timer) timers.remove(handle);
    },
    async advance(ms) {
      const end = now + checkedMs("ms", ms);
      await turn();
      for (let { first } = timers; first !== undefined && first.dueAt <= end; { first } = timers) {
        timers.remove(first);
        now = Math.max(now, first.dueAt);
        first.callback();
        await turn();
      }
      now = Math.max(now, end);
    },
    nextTimerAt: () => timers.first?.dueAt,
  };
}

function checkedMs(name: string, ms: unknown): number {
  if (typeof ms === "number" && ms >= 0 && Number.isFinite(ms)) return ms;
  throw new MessagingError(
    "INVALID_ARGUMENT",
    `\`${name}\` of a virtual clock takes milliseconds from 0 on, not ${typeof ms === "number" ? ms : typeof ms}.`,
    { remedy: "Pass a finite number of at least 0." },
  );
}
