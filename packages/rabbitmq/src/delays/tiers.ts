/** RabbitMQ takes message TTLs below 2^32 ms, 49 days. */
export const longestDelayMs = 30 * 86_400_000;

/**
 * The delays there are queues for: each at most a tenth above the one before, so
 * that a delay rounded up to a tier is at most a tenth late, never early, and 30
 * days need fewer than 200 queues.
 */
export const tiers: readonly number[] = (() => {
  const all = [100];
  for (let last = 100; last < longestDelayMs; ) {
    last = Math.min(longestDelayMs, Math.floor((last * 11) / 10));
    all.push(last);
  }
  return all;
})();

/** The shortest tier that is not below this delay. */
export function tierFor(delayMs: number): number {
  let low = 0;
  let high = tiers.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((tiers[middle] as number) < delayMs) low = middle + 1;
    else high = middle;
  }
  return tiers[low] as number;
}
