import { errorText } from "../errors/error-text.ts";
import { codeOf } from "../errors/read-error.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import { redriveMark } from "./attempt-headers.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** Why and where a message was dead-lettered, as its copy is to tell. `now`: milliseconds since the epoch. */
export function failureHeaders(
  { message, attempt, firstFailedAt, markedHeaders }: InFlightDelivery,
  error: unknown,
  from: Address,
  now: number,
): Record<string, string> {
  const headers: Record<string, string> = {
    ...redriveMark(markedHeaders),
    [deadLetterHeaders.source]: from.name,
    [deadLetterHeaders.attempts]: String(attempt),
    [deadLetterHeaders.firstFailedAt]: String(firstFailedAt ?? now),
    [deadLetterHeaders.lastFailedAt]: String(now),
    [deadLetterHeaders.errorCode]: codeOf(error),
    [deadLetterHeaders.errorMessage]: errorText(error),
  };
  if (from.group !== undefined) headers[deadLetterHeaders.group] = from.group;
  if (message.key !== undefined) headers[deadLetterHeaders.key] = message.key;
  return headers;
}
