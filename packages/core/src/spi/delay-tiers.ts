/**
 * Delays on a log, by tiers. Each partition of a delay topic is a tier with a fixed hold: what
 * enters waits that long there, in the order it came, so nobody waits behind someone slower;
 * then it goes to the highest tier its remaining time allows, and from the lowest to where it
 * belongs. What fits a tier but for a tenth stays until it is due, and so holds up those behind
 * it by a tenth at most.
 *
 * The holds in milliseconds; the index is the tier, and the partition.
 */
export const delayTierHoldsMs = [
  0, 250, 1_000, 4_000, 16_000, 64_000, 256_000, 1_024_000, 4_096_000,
] as const;

/** How much longer than its hold a tier keeps what would be due soon after. */
const grace = 1.1;

/** The tier for what is still to wait, where there are so many (fewer than `delayTierHoldsMs` on a topic made by hand). */
export function delayTierFor(remainingMs: number, tiers: number = delayTierHoldsMs.length): number {
  let chosen = 0;
  for (let tier = 0; tier < Math.min(tiers, delayTierHoldsMs.length); tier++) {
    if ((delayTierHoldsMs[tier] as number) <= remainingMs) chosen = tier;
  }
  return chosen;
}

/** When what waits in this tier is to leave it: when it is due, or for a lower tier. All in milliseconds of one clock. */
export function leavesDelayTierAt(
  { dueAt, enteredAt }: { readonly dueAt: number; readonly enteredAt: number },
  tier: number,
): number {
  const holdMs = delayTierHoldsMs[tier] ?? 0;
  const remainingMs = dueAt - enteredAt;
  return remainingMs <= Math.max(delayTierHoldsMs[1], holdMs * grace) ? dueAt : enteredAt + holdMs;
}
