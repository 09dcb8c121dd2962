import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers } from "../spi/message.ts";

/**
 * Whether a dead-lettered message says that it failed in another queue or group: several may share
 * one dead-letter queue. One that says nothing, since the broker itself brought it there, may be ours.
 */
export function failedElsewhere(headers: Headers, from: Pick<Address, "name" | "group">): boolean {
  const source = headers[deadLetterHeaders.source];
  if (source === undefined) return false;
  return source !== from.name || headers[deadLetterHeaders.group] !== from.group;
}
