import type { Message } from "@aws-sdk/client-sqs";
import type { Headers, ReceivedMessage } from "@waybill/core/spi";

/** What travels in the `waybill` attribute or in a native place, read with care. */
export interface Metadata {
  readonly id: string | undefined;
  readonly contentType: string | undefined;
  readonly timestamp: number | undefined;
  readonly expiresAt: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  /** Not to be handled before this time, milliseconds since the epoch. */
  readonly due: number | undefined;
  /** How often it was delivered before this copy of it was made. */
  readonly redeliveries: number;
}

/** A message in flight, and when its lease ends. */
export class SqsDelivery implements ReceivedMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly key: string | undefined;
  readonly timestamp: number;
  readonly headers: Headers;
  readonly expiresAt: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  readonly redeliveries: number;
  // Core keeps keys apart by itself; a partition for each would be kept for ever.
  readonly partition = undefined;
  readonly position = undefined;
  readonly native: Message;
  readonly due: number | undefined;
  /** Of its redeliveries, those before this copy of it was made. */
  readonly carried: number;
  /** Until when it is ours, on the clock of `performance.now()`. */
  leasedUntil = 0;

  constructor(
    native: Message,
    metadata: Metadata,
    body: Uint8Array,
    headers: Headers,
    key: string | undefined,
  ) {
    this.native = native;
    this.body = body;
    this.headers = headers;
    this.key = key;
    this.due = metadata.due;
    this.carried = metadata.redeliveries;
    this.id = metadata.id ?? native.MessageId ?? "";
    this.contentType = metadata.contentType ?? "";
    this.timestamp = metadata.timestamp ?? wholeNumber(native.Attributes?.SentTimestamp) ?? Date.now();
    this.expiresAt = metadata.expiresAt;
    this.replyTo = metadata.replyTo;
    this.correlationId = metadata.correlationId;
    const receipts = wholeNumber(native.Attributes?.ApproximateReceiveCount) ?? 1;
    this.redeliveries = this.carried + Math.max(0, receipts - 1);
  }

  get receipt(): string {
    return this.native.ReceiptHandle ?? "";
  }
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = Number(text);
  return text !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}
