import type { Headers, ReceivedMessage } from "@waybill/core/spi";
import {
  type AmqpMessage,
  enqueuedAtOf,
  formatPosition,
  fromAmqpMessage,
  offsetOf,
  sequenceNumberOf,
} from "./mapping.ts";
import type { EventHubsPartition } from "./receiving/partition.ts";

/** An event as core receives it. */
export class EventHubsDelivery implements ReceivedMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly key: string | undefined;
  readonly timestamp: number;
  readonly headers: Headers;
  readonly expiresAt: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  /** Event Hubs does not count deliveries: what an earlier member noted when it closed. */
  readonly redeliveries: number;
  readonly waitMs: number;
  /** The claim on the partition under which this came; once it has ended, so has the right to settle. */
  readonly from: EventHubsPartition;
  readonly sequenceNumber: number;
  readonly #message: AmqpMessage;

  constructor(from: EventHubsPartition, message: AmqpMessage) {
    const fields = fromAmqpMessage(message, from.id);
    this.id = fields.id;
    this.body = fields.body;
    this.contentType = fields.contentType;
    this.key = fields.key;
    this.timestamp = fields.timestamp;
    this.headers = fields.headers;
    this.expiresAt = fields.expiresAt;
    this.replyTo = fields.replyTo;
    this.correlationId = fields.correlationId;
    this.from = from;
    this.sequenceNumber = sequenceNumberOf(message);
    this.redeliveries = from.notes.redeliveriesOf(this.sequenceNumber);
    this.waitMs = from.notes.waitOf(this.sequenceNumber);
    this.#message = message;
  }

  get partition(): string {
    return this.from.id;
  }

  get position(): string {
    const enqueuedAt = enqueuedAtOf(this.#message);
    return formatPosition({
      partition: this.from.partition,
      sequenceNumber: this.sequenceNumber,
      enqueuedAt,
    });
  }

  get offset(): string {
    return offsetOf(this.#message);
  }

  /** The message as the vendor client shows it (`ReceivedEventData`). */
  get native(): object {
    const message = this.#message;
    return {
      body: this.body,
      contentType: message.content_type,
      correlationId: message.correlation_id,
      messageId: message.message_id,
      properties: message.application_properties,
      enqueuedTimeUtc: new Date(enqueuedAtOf(message)),
      partitionKey: this.key ?? null,
      offset: this.offset,
      sequenceNumber: this.sequenceNumber,
      systemProperties: message.message_annotations,
    };
  }
}
