import type { Address } from "../spi/address.ts";

/** Where a subscription reads, as warnings name it. */
export function sourceText({ name, group }: Address): string {
  return group === undefined ? `"${name}"` : `"${name}" (group "${group}")`;
}

/** What to do about a message that was dead-lettered from there. What a broadcast had can be brought back to nobody. */
export function remedyOfDeadLettered({ kind }: Address): string {
  return kind === "topic"
    ? "Fix the cause and consume it from there: a broadcast is nothing to redrive to."
    : "Fix the cause and `redrive` it.";
}
