import {
  deadLetterHeaders,
  type Headers,
  type ReceivedMessage,
  reservedHeaderPrefix,
  type WireMessage,
} from "@waybill/core/spi";

/** A message as a test sees it. */
export interface Published<T = unknown> {
  /** The portable name of the topic or queue. */
  readonly source: string;
  /** The body: parsed if it is JSON, a string if it is text, else the bytes. */
  readonly value: T;
  readonly id: string;
  readonly key: string | undefined;
  /** The application's own headers. */
  readonly headers: Headers;
  readonly contentType: string;
  readonly correlationId: string | undefined;
  /** When the publisher says it happened, milliseconds since the epoch. */
  readonly timestamp: number;
  /** When the broker saw it happen, milliseconds since the epoch by the broker's clock. */
  readonly at: number;
}

/** A message that a consumer acked, and that was not dead-lettered. */
export interface Handled<T = unknown> extends Published<T> {
  /** `undefined` for a queue or a broadcast. */
  readonly group: string | undefined;
  /** 1 if the broker delivered it once. Retries in place, as keyed messages have them, do not show here. */
  readonly attempt: number;
}

/** A message that was given up. */
export interface DeadLettered<T = unknown> extends Published<T> {
  /** `undefined` for a queue. */
  readonly group: string | undefined;
  readonly attempts: number;
  readonly errorCode: string;
  readonly errorMessage: string;
}

export function asPublished(source: string, message: WireMessage | ReceivedMessage, at: number): Published {
  const { id, key, contentType, correlationId, timestamp } = message;
  const own = Object.entries(message.headers).filter(([name]) => !name.startsWith(reservedHeaderPrefix));
  const value = decode(message.body, contentType);
  const headers = Object.fromEntries(own);
  return { source, value, id, key, headers, contentType, correlationId, timestamp, at };
}

/** `undefined` when the message is no dead-lettered one, or was one before. */
export function asDeadLettered(message: WireMessage, at: number): DeadLettered | undefined {
  const { headers } = message;
  const source = headers[deadLetterHeaders.source];
  if (source === undefined || headers[deadLetterHeaders.redriveRun] !== undefined) return undefined;
  return {
    ...asPublished(source, message, at),
    group: headers[deadLetterHeaders.group],
    attempts: Number(headers[deadLetterHeaders.attempts]),
    errorCode: headers[deadLetterHeaders.errorCode] ?? "",
    errorMessage: headers[deadLetterHeaders.errorMessage] ?? "",
  };
}

function decode(body: Uint8Array, contentType: string): unknown {
  const text = () => new TextDecoder("utf-8", { fatal: true }).decode(body);
  try {
    if (/^application\/(?:[\w.-]+\+)?json\b/.test(contentType)) return JSON.parse(text());
    if (contentType.startsWith("text/")) return text();
  } catch {
    // What is not what it says is shown as it is.
  }
  return new Uint8Array(body);
}
