import { crc32 } from "node:zlib";
import type { PublishedEvent } from "../wire/published-event.ts";

/**
 * An event as it is kept, in memory and on disk alike: a prefix, then the message
 * just as it will go out, with the service's annotations already in it. What is
 * written once is then sent any number of times without being encoded again.
 *
 *     0  u32  size of the whole record
 *     4  u32  CRC-32 of all that follows
 *     8  u48  sequence number
 *    14  u48  offset: how many bytes of records the partition had before
 *    20  u48  enqueued time, milliseconds since 1970
 *    26  u16  length of the header section at the start of the message
 *    28       the message
 */
const RECORD_PREFIX = 28;

/** One event of a partition; `message` is a view into a larger buffer. */
export interface StoredEvent {
  readonly sequenceNumber: number;
  readonly offset: number;
  readonly enqueuedTime: number;
  readonly headerLength: number;
  readonly message: Buffer;
}

const SEQUENCE_KEY = symbol("x-opt-sequence-number");
const OFFSET_KEY = symbol("x-opt-offset");
const TIME_KEY = symbol("x-opt-enqueued-time");
const SERVICE_ITEMS = 6;
/** Section descriptor, map constructor, its size and its count. */
const ANNOTATIONS_PREFIX = 3 + 1 + 4 + 4;

function symbol(name: string): Buffer {
  return Buffer.from([0xa3, name.length, ...Buffer.from(name, "latin1")]);
}

/** Encodes events as consecutive records. */
export function encodeRecords(
  events: readonly PublishedEvent[],
  start: { sequenceNumber: number; offset: number },
  enqueuedTime: number,
): Buffer {
  const offsets: string[] = [];
  let offset = start.offset;
  for (const event of events) {
    const text = String(offset);
    offsets.push(text);
    offset += sizeOf(event, text);
  }
  const records = Buffer.allocUnsafe(offset - start.offset);
  let position = 0;
  for (const [index, event] of events.entries()) {
    position = writeRecord(
      records,
      position,
      event,
      start.sequenceNumber + index,
      offsets[index] ?? "",
      enqueuedTime,
    );
  }
  return records;
}

function annotationsLength(event: PublishedEvent, offset: string): number {
  let length = SEQUENCE_KEY.length + 9 + OFFSET_KEY.length + 2 + offset.length + TIME_KEY.length + 9;
  for (const entry of event.annotations) length += entry.length;
  return length;
}

function sizeOf(event: PublishedEvent, offset: string): number {
  return (
    RECORD_PREFIX +
    event.header.length +
    ANNOTATIONS_PREFIX +
    annotationsLength(event, offset) +
    event.rest.length
  );
}

function writeRecord(
  out: Buffer,
  start: number,
  event: PublishedEvent,
  sequenceNumber: number,
  offset: string,
  enqueuedTime: number,
): number {
  const entries = annotationsLength(event, offset);
  const end = start + RECORD_PREFIX + event.header.length + ANNOTATIONS_PREFIX + entries + event.rest.length;
  out.writeUInt32BE(end - start, start);
  out.writeUIntBE(sequenceNumber, start + 8, 6);
  out.writeUIntBE(Number(offset), start + 14, 6);
  out.writeUIntBE(enqueuedTime, start + 20, 6);
  out.writeUInt16BE(event.header.length, start + 26);

  let at = start + RECORD_PREFIX;
  at += event.header.copy(out, at);
  out[at++] = 0x00;
  out[at++] = 0x53;
  out[at++] = 0x72;
  out[at++] = 0xd1;
  at = out.writeUInt32BE(4 + entries, at);
  at = out.writeUInt32BE(event.annotationItems + SERVICE_ITEMS, at);
  for (const entry of event.annotations) at += entry.copy(out, at);
  at += SEQUENCE_KEY.copy(out, at);
  at = writeLong(out, 0x81, sequenceNumber, at);
  at += OFFSET_KEY.copy(out, at);
  out[at++] = 0xa1;
  out[at++] = offset.length;
  at += out.write(offset, at, "latin1");
  at += TIME_KEY.copy(out, at);
  at = writeLong(out, 0x83, enqueuedTime, at);
  event.rest.copy(out, at);

  out.writeUInt32BE(crc32(out.subarray(start + 8, end)), start + 4);
  return end;
}

function writeLong(out: Buffer, code: number, value: number, at: number): number {
  out[at] = code;
  out.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at + 1);
  return out.writeUInt32BE(value >>> 0, at + 5);
}

/** The size of the record at `position`; undefined when fewer bytes than its prefix are there. */
function recordSize(records: Buffer, position: number): number | undefined {
  return position + RECORD_PREFIX <= records.length ? records.readUInt32BE(position) : undefined;
}

/** The record at `position`, which must be there as a whole. */
export function readRecord(records: Buffer, position: number): StoredEvent {
  const end = position + records.readUInt32BE(position);
  return {
    sequenceNumber: records.readUIntBE(position + 8, 6),
    offset: records.readUIntBE(position + 14, 6),
    enqueuedTime: records.readUIntBE(position + 20, 6),
    headerLength: records.readUInt16BE(position + 26),
    message: records.subarray(position + RECORD_PREFIX, end),
  };
}

/** Whether a record is there as a whole and as it was written. */
export function isIntact(records: Buffer, position: number): boolean {
  const size = recordSize(records, position);
  if (size === undefined || size < RECORD_PREFIX || position + size > records.length) return false;
  return crc32(records.subarray(position + 8, position + size)) === records.readUInt32BE(position + 4);
}
