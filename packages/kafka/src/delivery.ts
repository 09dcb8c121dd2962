import type { Headers, ReceivedMessage } from "@waybill/core/spi";
import { formatPosition, fromRecord, type IncomingRecord } from "./mapping.ts";
import type { KafkaPartition } from "./receiving/partition.ts";

/** A record as core receives it. */
export class KafkaDelivery implements ReceivedMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly key: string | undefined;
  readonly timestamp: number;
  readonly headers: Headers;
  readonly expiresAt: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  /** Kafka does not count deliveries: what an earlier member noted when it closed. */
  readonly redeliveries: number;
  readonly waitMs: number;
  /** The claim on the partition under which this came; once it has ended, so has the right to settle. */
  readonly from: KafkaPartition;
  readonly #record: IncomingRecord;

  constructor(from: KafkaPartition, record: IncomingRecord) {
    const fields = fromRecord(record, from.id);
    this.id = fields.id;
    this.body = fields.body;
    this.contentType = fields.contentType;
    this.key = fields.key;
    this.timestamp = fields.timestamp;
    this.headers = fields.headers;
    this.expiresAt = fields.expiresAt;
    this.replyTo = fields.replyTo;
    this.correlationId = fields.correlationId;
    const { notes } = from;
    this.redeliveries = notes.isEmpty ? 0 : notes.redeliveriesOf(record.offset);
    this.waitMs = notes.isEmpty ? 0 : notes.waitOf(record.offset);
    this.from = from;
    this.#record = record;
  }

  get offset(): number {
    return this.#record.offset;
  }

  get partition(): string {
    return this.from.id;
  }

  get position(): string {
    const { offset, timestamp } = this.#record;
    return formatPosition({ partition: this.from.partition, offset, timestamp: Math.max(0, timestamp) });
  }

  /** The message as kafkajs shows it. */
  get native(): object {
    const { offset, timestamp, key, value } = this.#record;
    const { topic, partition } = this.from;
    const headers: Record<string, unknown> = Object.create(null);
    const flat = this.#record.rawHeaders();
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i] as string;
      const known = headers[name];
      headers[name] = known === undefined ? flat[i + 1] : [known, flat[i + 1]].flat();
    }
    return { topic, partition, offset: String(offset), timestamp: String(timestamp), key, value, headers };
  }
}
