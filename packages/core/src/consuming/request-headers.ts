import type { Headers } from "../spi/message.ts";

/** What a request carries beside its value. */
export const requestHeaders = {
  /** How long the requester waits, in milliseconds from the message's timestamp. */
  timeoutMs: "waybill-request-timeout-ms",
  /** How far the clock of a responder that refused the request is ahead of the requester's, in milliseconds. */
  skewMs: "waybill-request-skew-ms",
} as const;

/** A copy of the headers, as the application set them: also for who consumes a queue that is asked. */
export function copyWithoutRequestHeaders(headers: Headers): Headers {
  const copy: Record<string, string> = Object.assign(Object.create(null), headers);
  delete copy[requestHeaders.timeoutMs];
  delete copy[requestHeaders.skewMs];
  return copy;
}
