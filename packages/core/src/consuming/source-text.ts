import type { Address } from "../spi/address.ts";

/** Where a subscription reads, as warnings name it. */
export function sourceText({ name, group }: Address): string {
  return group === undefined ? `"${name}"` : `"${name}" (group "${group}")`;
}
