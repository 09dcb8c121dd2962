import type { ReceivedMessage } from "../spi/message.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/**
 * More redeliveries than anything has had: a consumer that closes hands back so what was dead-lettered and keeps
 * its key waiting, so that whoever gets it next knows, though its copy may be gone by then.
 */
export const givenUpRedeliveries = 500_000;

/** It was dead-lettered, says whoever had it last. */
export function isMarkedAsGivenUp({ redeliveries }: ReceivedMessage): boolean {
  return redeliveries >= givenUpRedeliveries;
}

/** How often a message has been redelivered, where its number is not the mark. */
export function redeliveriesOf(message: ReceivedMessage): number {
  return isMarkedAsGivenUp(message) ? 0 : message.redeliveries;
}

/** Its copy is to decide what becomes of it: it is in the dead-letter queue, or was brought back and has not run yet. */
export function isGivenUp({ isDeadLettered, redriven, attempt, isIdle, state }: InFlightDelivery): boolean {
  if (isDeadLettered === true) return true;
  return redriven !== undefined && attempt === 1 && (isIdle || state === "ended");
}
