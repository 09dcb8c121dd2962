import type { Message } from "rhea";
import { ownProperties } from "../mapping.ts";

/**
 * Delays by a ladder. Each partition of the delay hub is a rung with a fixed hold:
 * what enters waits that long there, in the order it came, so nobody waits behind
 * someone slower; then it goes to the highest rung its remaining time allows, and
 * from the lowest to where it belongs. What fits a rung but for a tenth stays until
 * it is due, and so holds up those behind it by a tenth at most.
 */
export const rungHoldsMs = [0, 250, 1_000, 4_000, 16_000, 64_000, 256_000, 1_024_000, 4_096_000] as const;

/** How much longer than its hold a rung keeps what would be due soon after. */
const grace = 1.1;

/** What waits, as found on the ladder. */
export interface Waiting {
  readonly message: Message;
  readonly due: number;
  /** When to look at it again: when it is due, or when it is to be tried once more. */
  readonly next: number;
  /** The hub it is for. */
  readonly to: string | undefined;
  /** Since when that has been missing at every try. */
  readonly missingSince: number | undefined;
  /** When it entered its rung. */
  readonly entered: number;
}

/** Reads a message of the delay hub; one that says nothing of its delay is due at once. */
export function readWaiting(message: Message, entered: number): Waiting {
  const properties: Record<string, unknown> = message.application_properties ?? {};
  const due = Number(properties[ownProperties.due]) || 0;
  const to = properties[ownProperties.to];
  return {
    message,
    due,
    next: Number(properties[ownProperties.again]) || due,
    to: typeof to === "string" && to !== "" ? to : undefined,
    missingSince: Number(properties[ownProperties.missing]) || undefined,
    entered,
  };
}

/** The rung for what is still to wait, on a ladder of so many. */
export function rungOf(remainingMs: number, rungs: number): number {
  let chosen = 0;
  for (let i = 0; i < Math.min(rungs, rungHoldsMs.length); i++) {
    if ((rungHoldsMs[i] as number) <= remainingMs) chosen = i;
  }
  return chosen;
}

/** When what waits on this rung is to leave it: when its time has come, or for a lower rung. */
export function leavesAt({ next, entered }: Pick<Waiting, "next" | "entered">, rung: number): number {
  const hold = rungHoldsMs[rung] ?? 0;
  const remaining = next - entered;
  return remaining <= Math.max(rungHoldsMs[1], hold * grace) ? next : entered + hold;
}
