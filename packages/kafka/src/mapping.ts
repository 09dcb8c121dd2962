import { type Headers, metadataHeaders, type ReceivedMessage, type WireMessage } from "@waybill/core/spi";
import type { IncomingRecord, OutgoingRecord } from "./client.ts";
import type { Lane } from "./fetching/lane.ts";

/**
 * How far a message's timestamp may be from now to be the record's own. Brokers refuse
 * times in the future (message.timestamp.after.max.ms, an hour), and delete by age what
 * lies in the past, however new: beyond this the record has its time of storage, and the
 * message's own is a header.
 */
const timestampToleranceMs = 60_000;

/** Body, key and timestamp have native places in Kafka; all else is a header. */
export function toRecord(message: WireMessage, now: number): OutgoingRecord {
  const headers = [metadataHeaders.id, message.id];
  if (message.contentType !== "") headers.push(metadataHeaders.contentType, message.contentType);
  if (message.expiresAt !== undefined) headers.push(metadataHeaders.expiresAt, String(message.expiresAt));
  if (message.replyTo !== undefined) headers.push(metadataHeaders.replyTo, message.replyTo);
  if (message.correlationId !== undefined) headers.push(metadataHeaders.correlationId, message.correlationId);
  const isNow = Math.abs(message.timestamp - now) <= timestampToleranceMs;
  if (!isNow) headers.push(metadataHeaders.timestamp, String(message.timestamp));
  for (const name in message.headers) headers.push(name, message.headers[name] as string);
  return {
    key: message.key === undefined ? null : Buffer.from(message.key),
    value: message.body,
    timestamp: isNow ? message.timestamp : now,
    headers,
  };
}

const noBody = new Uint8Array(0);

/** A record as core receives it. Of a header given twice the last counts; a tombstone has an empty body. */
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
  /** The claim on the partition under which this came; once it has ended, so has the right to settle. */
  readonly from: Lane;
  readonly offset: number;
  readonly #record: IncomingRecord;

  constructor(from: Lane, record: IncomingRecord) {
    const headers: Record<string, string> = Object.create(null);
    let id: string | undefined;
    let contentType = "";
    let timestamp: number | undefined;
    let expiresAt: number | undefined;
    let replyTo: string | undefined;
    let correlationId: string | undefined;
    const flat = record.headers();
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i] as string;
      const value = flat[i + 1] as string;
      switch (name) {
        case metadataHeaders.id:
          id = value;
          break;
        case metadataHeaders.contentType:
          contentType = value;
          break;
        case metadataHeaders.timestamp:
          timestamp = wholeNumber(value);
          break;
        case metadataHeaders.expiresAt:
          expiresAt = wholeNumber(value);
          break;
        case metadataHeaders.replyTo:
          replyTo = value;
          break;
        case metadataHeaders.correlationId:
          correlationId = value;
          break;
        default:
          headers[name] = value;
      }
    }
    this.id = id || `${from.id}-${record.offset}`;
    this.body = record.value ?? noBody;
    this.contentType = contentType;
    this.key = record.key === null ? undefined : record.key.toString();
    this.timestamp = timestamp ?? Math.max(0, record.timestamp);
    this.headers = headers;
    this.expiresAt = expiresAt;
    this.replyTo = replyTo;
    this.correlationId = correlationId;
    this.from = from;
    this.offset = record.offset;
    this.#record = record;
  }

  /** Kafka does not count deliveries. */
  get redeliveries(): number {
    return 0;
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

function wholeNumber(text: string): number | undefined {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

/** Where a message is: exact in its partition, and by time for the others. */
export interface Position {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
}

export function formatPosition({ partition, offset, timestamp }: Position): string {
  return `${partition}:${offset}:${timestamp}`;
}

export function parsePosition(text: string): Position | undefined {
  const parts = /^(\d{1,9}):(\d{1,16}):(\d{1,16})$/.exec(text);
  if (parts === null) return undefined;
  const [partition, offset, timestamp] = parts.slice(1).map(Number) as [number, number, number];
  return { partition, offset, timestamp };
}
