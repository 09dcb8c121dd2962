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
