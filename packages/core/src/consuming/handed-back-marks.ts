import type { ReceivedMessage } from "../spi/message.ts";

/**
 * A count of redeliveries is all that every broker can keep about a message that is handed back, and more
 * redeliveries than anything has had say something else:
 *
 * - From `firstMark` on, it may take its process down. The hundred thousands say how often it did when it had run
 *   alone, whether it is on trial (handed back to run alone next) the fifty thousand, the hundreds how often the
 *   others had come by then, and what is above that how many consumers have been lost since while they had it.
 * - From `givenUpFrom` on, it was dead-lettered and keeps its ordering key waiting, so that whoever gets it next
 *   knows, though its copy may be gone by then.
 */
const firstMark = 100_000;
const perLoss = 100_000;
const trialBit = 50_000;
const perRedelivery = 100;
const givenUpFrom = 500_000;
/** More redeliveries of others than this are written as so many. */
const mostRedeliveries = trialBit / perRedelivery - 1;
/** More losses than this are written as so many. */
const mostLosses = 3;

/** The count to hand back what was dead-lettered with. */
export const givenUpRedeliveries = givenUpFrom;

/** What is known of a message that may take its process down. */
export interface TrialMark {
  /** How often it did when it had run alone, before it was handed back. */
  readonly losses: number;
  /** It comes to run alone, and has not been lost since it was handed back for that. */
  readonly isOnTrial: boolean;
  /** The most redeliveries that any other message had when it was handed back to run alone. Default: 0, none is known of. */
  readonly redeliveriesOfOthers?: number;
}

/** The count to hand such a message back with. */
export function redeliveriesOf({ losses, isOnTrial, redeliveriesOfOthers = 0 }: TrialMark): number {
  const written = firstMark + Math.min(losses, mostLosses) * perLoss;
  return isOnTrial
    ? written + trialBit + Math.min(redeliveriesOfOthers, mostRedeliveries) * perRedelivery
    : written;
}

/** Reads the count of a message; `undefined`: it never was to run alone. */
export function trialMarkOf({ redeliveries }: ReceivedMessage): TrialMark | undefined {
  if (redeliveries < firstMark || redeliveries >= givenUpFrom) return undefined;
  const losses = Math.floor((redeliveries - firstMark) / perLoss);
  const trial = ((redeliveries - firstMark) % perLoss) - trialBit;
  if (trial < 0) return { losses, isOnTrial: false };
  const redeliveriesOfOthers = Math.floor(trial / perRedelivery);
  return { losses, isOnTrial: trial % perRedelivery === 0, redeliveriesOfOthers };
}

/**
 * How often it took its process down when it had run alone, the last time included. Whether it was alone then, the
 * others tell: beside what runs for long without harm they run too, and come once more if their process is lost.
 * `redeliveriesOfOthers`: the most that any has now; 0 where none is known of.
 */
export function lossesAlone(message: ReceivedMessage, redeliveriesOfOthers: number): number {
  const mark = trialMarkOf(message);
  if (mark === undefined) return 0;
  const { losses, isOnTrial, redeliveriesOfOthers: before } = mark;
  if (isOnTrial || before === undefined) return losses;
  const others = Math.min(redeliveriesOfOthers, mostRedeliveries);
  const wasAlone = others === 0 ? before === 0 : others <= before;
  return wasAlone ? losses + 1 : losses;
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
