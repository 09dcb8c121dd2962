import type { AfterDeadLetter } from "../api/failure-policy.ts";
import { requireFeature } from "../connection/require-feature.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";

/**
 * What follows a dead-lettered message of an ordering key, from what the application asked for.
 * @throws UnsupportedError, MessagingError `INVALID_ARGUMENT`
 */
export function decideAfterDeadLetter(
  asked: AfterDeadLetter | undefined,
  { kind, name, ordered }: Address,
  deadLetter: Address | undefined,
  driver: Driver,
): AfterDeadLetter {
  if (asked === undefined || asked === "continue") return "continue";
  if (asked !== "block") {
    throw invalidArgument("afterDeadLetter", '"continue" or "block"', asked);
  }
  const block = '`afterDeadLetter: "block"`';
  requireFeature(driver, "ordering", block, 'Leave it out, or use `"continue"`.');
  const lacks = (what: string, remedy: string) =>
    new MessagingError("INVALID_ARGUMENT", `${block} is asked for, and "${name}" has no ${what}.`, {
      remedy,
    });
  if (!ordered) throw lacks("ordering key", "Give its contract a `key`, or leave `afterDeadLetter` out.");
  if (kind === "topic") throw lacks("group here", "Subscribe with a `group`: a broadcast has no retries.");
  if (deadLetter === undefined)
    throw lacks("dead-letter queue", 'Leave `deadLetter: "discard"` out, or `afterDeadLetter`.');
  return "block";
}
