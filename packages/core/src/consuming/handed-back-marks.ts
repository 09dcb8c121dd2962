import type { ReceivedMessage } from "../spi/message.ts";

/**
 * A count of redeliveries is all that every broker can keep about a message that is handed back, and more
 * redeliveries than anything has had say something else:
 *
 * - From `onTrialFrom` on, it was handed back to be run alone, since it may take its process down. What is above
 *   that is how many consumers have been lost since while they had it.
 * - From `givenUpFrom` on, it was dead-lettered and keeps its ordering key waiting, so that whoever gets it next
 *   knows, though its copy may be gone by then.
 */
const onTrialFrom = 250_000;
const givenUpFrom = 500_000;

/** The count to hand back what was dead-lettered with. */
export const givenUpRedeliveries = givenUpFrom;

/** The count to hand back what is to be run alone with. */
export function redeliveriesOnTrial(losses: number): number {
  return Math.min(onTrialFrom + losses, givenUpFrom - 1);
}

/** It was dead-lettered, says whoever had it last. */
export function isMarkedAsGivenUp({ redeliveries }: ReceivedMessage): boolean {
  return redeliveries >= givenUpFrom;
}

/** How many consumers were lost with it since it was to be run alone; `undefined`: it never was. */
export function lossesOnTrial({ redeliveries }: ReceivedMessage): number | undefined {
  return redeliveries >= onTrialFrom && redeliveries < givenUpFrom ? redeliveries - onTrialFrom : undefined;
}

/** How often a message has been redelivered, where its number is not a mark. */
export function redeliveriesOf({ redeliveries }: ReceivedMessage): number {
  return redeliveries >= onTrialFrom ? 0 : redeliveries;
}

/** How often the broker has delivered a message, this time included. */
export function deliveriesOf(message: ReceivedMessage): number {
  return 1 + redeliveriesOf(message);
}
