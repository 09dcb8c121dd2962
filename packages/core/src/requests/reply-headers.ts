/** What a request carries beside its value. */
export const requestHeaders = {
  /** How long the requester waits, in milliseconds from the message's timestamp. */
  timeoutMs: "waybill-request-timeout-ms",
  /** How far the clock of a responder that refused the request is ahead of the requester's, in milliseconds. */
  skewMs: "waybill-request-skew-ms",
} as const;

/** What a reply carries beside its value. */
export const replyHeaders = {
  /** The broker's name of the queue that was asked. */
  from: "waybill-reply-from",
  /** Set when there is no value: why. */
  errorCode: "waybill-reply-error-code",
  errorMessage: "waybill-reply-error-message",
  /**
   * Set when the request was not handled, because by this time (milliseconds since the epoch, by
   * the responder's clock) nobody seemed to wait for its reply.
   */
  refusedAt: "waybill-reply-refused-at",
} as const;

const ours = new Set<string>(Object.values(requestHeaders));

/** The headers as the requester's application set them. */
export function withoutRequestHeaders(
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const rest: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) if (!ours.has(name)) rest[name] = value;
  return rest;
}

/** A whole number from a header, which anybody may have written. */
export function numberIn(text: string | undefined): number | undefined {
  const number = Number(text);
  return text !== undefined && text !== "" && Number.isSafeInteger(number) ? number : undefined;
}

/** How inboxes are named: what a request asks us to answer to is the sender's word, so nothing else is believed. */
const inboxName = /^reply-[A-Za-z0-9_-]{22}$/;

export function isInboxName(name: string): boolean {
  return inboxName.test(name);
}
