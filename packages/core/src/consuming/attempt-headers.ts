import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers } from "../spi/message.ts";

/** The number of the attempt that a message published again is for. */
export const attemptHeader = "waybill-attempt";
/** When it failed for the first time, milliseconds since the epoch. */
export const firstFailedHeader = "waybill-first-failed-at";
/** When a message that failed expires, milliseconds since the epoch: for core alone, since the broker would drop it with its failure. */
export const expiresHeader = "waybill-retry-expires-at";

/** What a hostile header may not exceed. */
const mostAttempts = 1_000_000;

/** The attempt that the publisher of a retry wrote on it; 1 for a message that nobody retried. */
export function writtenAttempt(headers: Headers): number {
  const written = headers[attemptHeader];
  if (written === undefined) return 1;
  const attempt = Number(written);
  return Number.isInteger(attempt) && attempt >= 1 && attempt <= mostAttempts ? attempt : 1;
}

/** When it first failed, as the publisher of a retry wrote on it. */
export function writtenFirstFailure(headers: Headers): number | undefined {
  return timeIn(headers[firstFailedHeader]);
}

/** When it expires, as the publisher of a retry wrote on it. */
export function writtenExpiry(headers: Headers): number | undefined {
  return timeIn(headers[expiresHeader]);
}

function timeIn(written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const time = Number(written);
  return Number.isSafeInteger(time) && time > 0 ? time : undefined;
}

/** What core writes on a message that goes to a handler again. */
const hidden = [attemptHeader, firstFailedHeader, expiresHeader, deadLetterHeaders.redriveRun] as const;

/**
 * Whether there may be anything of core's among them. Most messages carry no header or few, and one
 * look at their names costs a fraction of asking for each of core's own.
 */
export function mayCarryCoreHeaders(headers: Headers): boolean {
  for (const name in headers) if (name.startsWith("waybill-")) return true;
  return false;
}

/** The headers as the application set them. */
export function withoutAttemptHeaders(headers: Headers): Headers {
  const rest: Record<string, string> = Object.assign(Object.create(null), headers);
  for (const name of hidden) delete rest[name];
  return rest;
}

/** The runs of redrives that brought a message back, to be written on every copy that is made of it. */
export function redriveMark(headers: Headers): Headers {
  const runs = headers[deadLetterHeaders.redriveRun];
  return runs === undefined ? {} : { [deadLetterHeaders.redriveRun]: runs };
}
