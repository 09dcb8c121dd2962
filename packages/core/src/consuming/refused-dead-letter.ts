import type { ErrorCode } from "../errors/codes.ts";
import { errorText } from "../errors/error-text.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers, WireMessage } from "../spi/message.ts";

/** What a dead-letter queue's refusal is about. */
export type RefusalSubject =
  /** The message: it will be refused as often as it is sent. */
  | "message"
  /** Only a smaller form can tell: where that is taken, it was the message. */
  | "unclear"
  /** The queue, the credentials, the connection: somebody, or time, can put it right. */
  | "destination";

/** Codes by which a destination refuses a message for what it is. */
const ofTheMessage = new Set<ErrorCode>([
  "MESSAGE_TOO_LARGE",
  "INVALID_HEADER",
  "INVALID_ARGUMENT",
  "SERIALIZATION_FAILED",
  "VALIDATION_FAILED",
]);
/** Codes that brokers give for a message's content as well as for a setting of theirs. */
const ofEither = new Set<ErrorCode>(["BROKER_ERROR", "UNSUPPORTED"]);

export function subjectOf(refusal: MessagingError): RefusalSubject {
  if (refusal.retryable) return "destination";
  if (ofTheMessage.has(refusal.code)) return "message";
  return ofEither.has(refusal.code) ? "unclear" : "destination";
}

/** What is left of a message in the form that may be taken where the one before was not. */
export interface ReducedForm {
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** First without its headers, then without its body; `undefined` when nothing more can be left out. */
export function reducedForm(
  whole: { readonly headers: Headers; readonly body: Uint8Array },
  refused: WireMessage,
  failureHeaders: Headers,
  refusal: MessagingError,
): ReducedForm | undefined {
  const omitted = refused.headers[deadLetterHeaders.omitted];
  if (omitted === "headers, body") return undefined;
  const parts = omitted === undefined && Object.keys(whole.headers).length > 0 ? "headers" : "headers, body";
  return {
    body: parts === "headers" ? whole.body : new Uint8Array(),
    headers: {
      ...failureHeaders,
      [deadLetterHeaders.omitted]: parts,
      [deadLetterHeaders.omittedWhy]: errorText(refusal).slice(0, 200),
    },
  };
}
