import type { Clock } from "./clock.ts";

/** How long a closing may wait in silence, in milliseconds. */
const silenceMs = 1_000;

/** Calls `tell` when a wait, of at most `longestMs`, has lasted for a while. Returns how to say that it is over. */
export function noticeOfWait(clock: Clock, longestMs: number, tell: () => void): () => void {
  if (longestMs <= silenceMs) return () => {};
  const timer = clock.setTimeout(tell, silenceMs);
  return () => clock.clearTimeout(timer);
}
