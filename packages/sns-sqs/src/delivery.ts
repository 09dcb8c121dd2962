import type { Message } from "@aws-sdk/client-sqs";
import { type Headers, type ReceivedMessage, wireSize } from "@waybill/core/spi";
import { decode } from "./mapping.ts";

/** A message in flight, and when its lease ends. */
export class SnsSqsDelivery implements ReceivedMessage {
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
  /** Not to be handled before this time, milliseconds since the epoch. */
  readonly due: number | undefined;
  /** Of its redeliveries, those before this copy of it was made. */
  readonly carried: number;
  /** What it takes of a prefetch: key, headers, and the body twice, as SQS gave it and decoded. */
  readonly bytes: number;
  /** Until when it is ours, on the clock of `performance.now()`. */
  leasedUntil = 0;

  constructor(native: Message, ordered: boolean) {
    const decoded = decode(native, ordered);
    this.native = native;
    this.id = decoded.id;
    this.body = decoded.body;
    this.contentType = decoded.contentType;
    this.key = decoded.key;
    this.timestamp = decoded.timestamp;
    this.headers = decoded.headers;
    this.expiresAt = decoded.expiresAt;
    this.replyTo = decoded.replyTo;
    this.correlationId = decoded.correlationId;
    this.redeliveries = decoded.redeliveries;
    this.due = decoded.due;
    this.carried = decoded.carried;
    this.bytes = wireSize(decoded) + (native.Body?.length ?? 0);
  }

  get receipt(): string {
    return this.native.ReceiptHandle ?? "";
  }
}
