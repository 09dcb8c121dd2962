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
  /** Not to be handled for so long from when SQS stored it, in milliseconds. */
  readonly waitMs: number | undefined;
  /** Of its redeliveries, those before this copy of it was made. */
  readonly carried: number;
  /** What it takes of a prefetch: key, headers, and the body twice, as SQS gave it and decoded. */
  readonly bytes: number;
  /** How long it had still to wait when it came, in milliseconds. */
  restMs = 0;
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
    this.waitMs = decoded.waitMs;
    this.carried = decoded.carried;
    this.bytes = wireSize(decoded) + (native.Body?.length ?? 0);
  }

  get receipt(): string {
    return this.native.ReceiptHandle ?? "";
  }
}
