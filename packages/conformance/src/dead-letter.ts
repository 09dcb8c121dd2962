import assert from "node:assert/strict";
import { type DeadLetterInfo, type Delivery, deadLetterDetails } from "@waybill/core";

/** The failure headers of a dead-lettered message; it must have them. */
export function detailsOf(delivery: Delivery | undefined): DeadLetterInfo {
  assert.ok(delivery !== undefined, "there is a dead-lettered message");
  const details = deadLetterDetails(delivery);
  assert.ok(details !== undefined, "the message has the dead-letter headers");
  return details;
}
