import type { ReceivedMessage } from "../spi/message.ts";

/**
 * A count of redeliveries is all that every broker can keep about a message that is handed back, and more
 * redeliveries than anything has had say something else:
 *
 * - From `firstMark` on, it may take its process down. The hundred thousands say how often it did when it had run
 *   alone, whether it is on trial (handed back to run alone next) the fifty thousand, and what is above that how
 *   many consumers have been lost since while they had it. One that is on trial was alone then.
 * - From `givenUpFrom` on, it was dead-lettered and keeps its ordering key waiting, so that whoever gets it next
 *   knows, though its copy may be gone by then.
 */
const firstMark = 100_000;
const perLoss = 100_000;
const trialBit = 50_000;
const givenUpFrom = 500_000;
/** More losses than this are written as so many. */
const mostLosses = 3;

/** The count to hand back what was dead-lettered with. */
export const givenUpRedeliveries = givenUpFrom;

/** What is known of a message that may take its process down. */
export interface TrialMark {
  /** How often it did when it had run alone. */
  readonly losses: number;
  /** It comes to run alone, and has not been lost since it was handed back for that. */
  readonly isOnTrial: boolean;
}

/** The count to hand such a message back with. */
export function redeliveriesOf({ losses, isOnTrial }: TrialMark): number {
  return firstMark + Math.min(losses, mostLosses) * perLoss + (isOnTrial ? trialBit : 0);
}

/** Reads the count of a message; `undefined`: it never was to run alone. */
export function trialMarkOf({ redeliveries }: ReceivedMessage): TrialMark | undefined {
  if (redeliveries < firstMark || redeliveries >= givenUpFrom) return undefined;
  const losses = Math.floor((redeliveries - firstMark) / perLoss);
  const since = (redeliveries - firstMark) % perLoss;
  const wasOnTrial = since >= trialBit;
  const isLost = wasOnTrial && since > trialBit;
  return { losses: losses + (isLost ? 1 : 0), isOnTrial: wasOnTrial && !isLost };
}

/** It was dead-lettered, says whoever had it last. */
export function isMarkedAsGivenUp({ redeliveries }: ReceivedMessage): boolean {
  return redeliveries >= givenUpFrom;
}

/** How often a message has been redelivered, where its number is not a mark. */
export function knownRedeliveries({ redeliveries }: ReceivedMessage): number {
  return redeliveries >= firstMark ? 0 : redeliveries;
}

/** How often the broker has delivered a message, this time included. */
export function deliveriesOf(message: ReceivedMessage): number {
  return 1 + knownRedeliveries(message);
}
