import type { Headers, ReceivedMessage } from "../spi/message.ts";

/** The number of the attempt that a message published again is for. */
export const attemptHeader = "waybill-attempt";
/** When it failed for the first time, milliseconds since the epoch. */
export const firstFailedHeader = "waybill-first-failed-at";

/** What a hostile header may not exceed. */
const mostAttempts = 1_000_000;

/** The attempt that a delivery is: what a retry wrote on it, and how often the broker delivered it since. */
export function attemptOf(wire: ReceivedMessage): number {
  const written = wire.headers[attemptHeader];
  if (written === undefined) return 1 + wire.redeliveries;
  const attempt = Number(written);
  return (
    (Number.isInteger(attempt) && attempt >= 1 && attempt <= mostAttempts ? attempt : 1) + wire.redeliveries
  );
}

/** The headers as the application set them. */
export function withoutAttemptHeaders(headers: Headers): Headers {
  if (headers[attemptHeader] === undefined && headers[firstFailedHeader] === undefined) return headers;
  const rest: Record<string, string> = Object.assign(Object.create(null), headers);
  delete rest[attemptHeader];
  delete rest[firstFailedHeader];
  return rest;
}
