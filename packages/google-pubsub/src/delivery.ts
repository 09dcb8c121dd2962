import { type Headers, type ReceivedMessage, wireSize } from "@waybill/core/spi";
import type { PulledMessage } from "./client/service.ts";
import { decode } from "./mapping.ts";

/** A message in flight, with the lease that the service does not show. */
export class GooglePubsubDelivery implements ReceivedMessage {
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
  readonly partition = undefined;
  readonly position = undefined;
  /** The message as the vendor client gave it. */
  readonly native: PulledMessage;

  /** When the service stored it, by its clock, milliseconds since the epoch. */
  readonly storedAt: number;
  /** When it is due, by the service's clock, milliseconds since the epoch; 0: at once. */
  readonly dueAt: number;
  /** The inbox it is for. */
  readonly inbox: string | undefined;
  /** The subscription it came from, by its full name. */
  readonly subscription: string;
  /** What it takes of a prefetch: body, key and headers. */
  readonly bytes: number;
  /** When it is due, by `performance.now`; 0: at once. */
  waitsUntil = 0;
  /** By `performance.now`: from then on it may be someone else's. */
  leasedUntil = 0;

  constructor(native: PulledMessage, subscription: string) {
    const decoded = decode(native.message);
    this.native = native;
    this.subscription = subscription;
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
    this.storedAt = decoded.storedAt;
    this.dueAt = decoded.dueAt;
    this.inbox = decoded.inbox;
    this.bytes = wireSize(decoded);
  }

  get ackId(): string {
    return this.native.ackId as string;
  }
}
