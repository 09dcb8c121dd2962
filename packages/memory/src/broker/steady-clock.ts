import type { Clock } from "@waybill/core/spi";

/**
 * The same time as a clock shows at first, moved on by how long something took: what the computer's
 * clock is set to afterwards shortens no lease, delay or time to live, and lengthens none.
 */
export function steadyClock(clock: Clock): Clock {
  if (clock.monotonic === undefined) return clock;
  const monotonic = () => clock.monotonic?.() ?? clock.now();
  const ahead = clock.now() - monotonic();
  return {
    now: () => monotonic() + ahead,
    monotonic,
    setTimeout: (callback, ms) => clock.setTimeout(callback, ms),
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
}
