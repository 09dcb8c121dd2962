import { errorText } from "../errors/error-text.ts";
import { codeOf } from "../errors/read-error.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import { redriveMark } from "./attempt-headers.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** What a dead-lettered message carries to tell of its failure, the same on every broker. `now`: milliseconds since the epoch. */
export function failureHeaders(
  address: Address,
  delivery: InFlightDelivery,
  error: unknown,
  now: number,
): Record<string, string> {
  const headers: Record<string, string> = {
    ...redriveMark(delivery.markedHeaders),
    [deadLetterHeaders.source]: address.name,
    [deadLetterHeaders.attempts]: String(delivery.attempt),
    [deadLetterHeaders.firstFailedAt]: String(delivery.firstFailedAt ?? now),
    [deadLetterHeaders.lastFailedAt]: String(now),
    [deadLetterHeaders.errorCode]: codeOf(error),
    [deadLetterHeaders.errorMessage]: errorText(error),
  };
  if (address.group !== undefined) headers[deadLetterHeaders.group] = address.group;
  if (delivery.message.key !== undefined) headers[deadLetterHeaders.key] = delivery.message.key;
  return headers;
}
