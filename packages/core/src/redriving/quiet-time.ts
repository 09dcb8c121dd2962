/** How long nothing may come before the queue counts as seen to its end, in milliseconds. */
const quietMs = 1_500;
/** The same while nothing has come yet: a consumer that has just begun may have to wait for its share. */
const beginMs = 5_000;
/** The same while the broker has told of more than came. */
const usualMissingTimeoutMs = 10_000;

/** How long to wait for the next dead-lettered message, in milliseconds. */
export function quietTimeFor(
  seen: number,
  known: number | undefined,
  missingTimeoutMs = usualMissingTimeoutMs,
): number {
  if (known !== undefined && seen < known) return seen === 0 ? usualMissingTimeoutMs : missingTimeoutMs;
  return seen === 0 ? beginMs : quietMs;
}
