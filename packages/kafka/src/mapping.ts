import { type Headers, metadataHeaders, type ReceivedMessage, type WireMessage } from "@waybill/core/spi";

/** A record as it is to be stored. */
export interface OutgoingRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  /** Name, value, name, value… */
  readonly headers: readonly string[];
}

/** A record as it was read. */
export interface IncomingRecord {
  readonly offset: number;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** What it takes in its batch, once that is unpacked. */
  readonly bytes: number;
  /** Name, value, name, value…, decoded as UTF-8 on every call. */
  headers(): readonly string[];
  /** Name, value, name, value…, as they are. */
  rawHeaders(): readonly (string | Buffer | null)[];
}

/** What a record says of its message. */
export type RecordFields = Omit<ReceivedMessage, "redeliveries" | "partition" | "position" | "native">;

/**
 * How far a message's timestamp may be from now to be the record's own. Brokers refuse
 * times in the future (message.timestamp.after.max.ms, an hour), and delete by age what
 * lies in the past, however new: beyond this the record has its time of storage, and the
 * message's own is a header.
 */
const timestampToleranceMs = 60_000;

/** Body, key and timestamp have native places in Kafka; all else is a header. `now` is in milliseconds since the epoch. */
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
const noHeaders: Headers = Object.freeze(Object.create(null));

/** Whether many records have the same value for this header. */
export function hasRepeatedValues(name: string): boolean {
  return name === metadataHeaders.contentType;
}

/**
 * A record's message. Of a header given twice the last counts; a tombstone has an empty body.
 * @param partitionId `<topic>-<partition>`, from which a record without an id gets one.
 */
export function fromRecord(
  record: Omit<IncomingRecord, "bytes" | "rawHeaders">,
  partitionId: string,
): RecordFields {
  let headers: Record<string, string> | undefined;
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
        headers ??= Object.create(null) as Record<string, string>;
        headers[name] = value;
    }
  }
  return {
    id: id || `${partitionId}-${record.offset}`,
    body: record.value ?? noBody,
    contentType,
    key: record.key === null ? undefined : record.key.toString(),
    timestamp: timestamp ?? Math.max(0, record.timestamp),
    headers: headers ?? noHeaders,
    expiresAt,
    replyTo,
    correlationId,
  };
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

/** A position as `start: { position }` takes it. */
export function formatPosition({ partition, offset, timestamp }: Position): string {
  return `${partition}:${offset}:${timestamp}`;
}

/** What `formatPosition` made; `undefined` for any other text. */
export function parsePosition(text: string): Position | undefined {
  const parts = /^(\d{1,9}):(\d{1,16}):(\d{1,16})$/.exec(text);
  if (parts === null) return undefined;
  const [partition, offset, timestamp] = parts.slice(1).map(Number) as [number, number, number];
  return { partition, offset, timestamp };
}
