import assert from "node:assert/strict";
import { type DeadLetterInfo, type Delivery, deadLetterDetails } from "@waybill/core";

/** What a dead letter says of itself; it must say it. */
export function detailsOf(letter: Delivery | undefined): DeadLetterInfo {
  assert.ok(letter !== undefined, "there is a letter");
  const details = deadLetterDetails(letter);
  assert.ok(details !== undefined, "the letter has the dead-letter headers");
  return details;
}
