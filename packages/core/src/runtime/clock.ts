/** Time as core and the embedded broker see it, so that tests can hold it still and move it on. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once, `ms` from now. The handle is for `clearTimeout` only. */
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** The longest wait of the runtime's own timers, 24.8 days in milliseconds: what is longer would fire at once. */
const longestMs = 2 ** 31 - 1;

/** The computer's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(ms, longestMs)),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};
