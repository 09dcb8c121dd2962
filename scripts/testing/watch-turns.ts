/**
 * Watches how much processor time one turn of the event loop takes: unlike its delay,
 * that is the same however busy the machine is.
 */
export function watchTurns(): { longestMs(): number } {
  let longest = 0;
  let before = usedMicroseconds();
  const timer = setInterval(() => {
    const now = usedMicroseconds();
    longest = Math.max(longest, now - before);
    before = now;
  }, 1);
  return {
    /** The most that one took since then; ends the watch. */
    longestMs() {
      clearInterval(timer);
      return longest / 1_000;
    },
  };
}

function usedMicroseconds(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}
