/** What a reply carries when the responder threw. */
export const replyHeaders = {
  errorCode: "waybill-reply-error-code",
  errorMessage: "waybill-reply-error-message",
} as const;

/** How inboxes are named: what a request asks us to answer to is the sender's word, so nothing else is believed. */
const inboxName = /^reply-[A-Za-z0-9_-]{22}$/;

export function isInboxName(name: string): boolean {
  return inboxName.test(name);
}
