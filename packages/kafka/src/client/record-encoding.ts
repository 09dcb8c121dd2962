import type { OutgoingRecord } from "../mapping.ts";
import { crc32c } from "./crc32c.ts";

/** Bytes of a batch before its first record: offset, length, epoch, magic, crc, attributes and counters. */
const batchHead = 61;
/** Where what the checksum covers begins. */
const checksummed = 21;

/**
 * A record batch of format 2, as Kafka stores it
 * (https://kafka.apache.org/documentation/#recordbatch), in one buffer. kafkajs
 * makes a buffer for every record and header, which costs more than all the rest
 * of publishing.
 */
export function encodeRecordBatch(
  records: readonly OutgoingRecord[],
  compress?: (plain: Buffer) => Buffer,
): Buffer {
  const first = (records[0] as OutgoingRecord).timestamp;
  let latest = first;
  let total = batchHead;
  const sizes = new Array<number>(records.length);
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as OutgoingRecord;
    if (record.timestamp > latest) latest = record.timestamp;
    const size = bodySize(record, i, record.timestamp - first);
    sizes[i] = size;
    total += varintSize(size) + size;
  }
  let batch = Buffer.allocUnsafe(total);
  let at = batchHead;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as OutgoingRecord;
    at = writeVarint(batch, at, sizes[i] as number);
    at = writeBody(batch, at, record, i, record.timestamp - first);
  }
  let attributes = 0;
  if (compress !== undefined) {
    const compressed = compress(batch.subarray(batchHead));
    batch = Buffer.concat([batch.subarray(0, batchHead), compressed]);
    attributes = gzip;
  }
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(attributes, 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(first), 27);
  batch.writeBigInt64BE(BigInt(latest), 35);
  // No producer id, epoch and sequence: not idempotent.
  batch.writeBigInt64BE(-1n, 43);
  batch.writeInt16BE(-1, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(records.length, 57);
  batch.writeUInt32BE(crc32c(batch, checksummed), 17);
  return batch;
}

const gzip = 1;

/** What a record takes beyond body, key, header names and values, at most, with room for its headers' lengths. */
export function recordOverhead(headerStrings: number): number {
  return 32 + headerStrings * 5;
}

function bodySize(record: OutgoingRecord, index: number, timestampDelta: number): number {
  const { key, value, headers } = record;
  let size = 1 + varintSize(timestampDelta) + varintSize(index);
  size += key === null ? 1 : varintSize(key.length) + key.length;
  size += varintSize(value.length) + value.length;
  size += varintSize(headers.length / 2);
  for (const text of headers) {
    const bytes = Buffer.byteLength(text);
    size += varintSize(bytes) + bytes;
  }
  return size;
}

function writeBody(
  to: Buffer,
  start: number,
  record: OutgoingRecord,
  index: number,
  timestampDelta: number,
): number {
  const { key, value, headers } = record;
  let at = start;
  to[at++] = 0;
  at = writeVarint(to, at, timestampDelta);
  at = writeVarint(to, at, index);
  at = key === null ? writeVarint(to, at, -1) : writeBytes(to, at, key);
  at = writeBytes(to, at, value);
  at = writeVarint(to, at, headers.length / 2);
  for (const text of headers) {
    const bytes = Buffer.byteLength(text);
    at = writeVarint(to, at, bytes);
    if (bytes === text.length && bytes < 40) {
      // Plain ASCII, and short: a loop is faster than the call into native code.
      for (let i = 0; i < bytes; i++) to[at++] = text.charCodeAt(i);
    } else {
      at += to.write(text, at);
    }
  }
  return at;
}

function writeBytes(to: Buffer, start: number, bytes: Uint8Array): number {
  const at = writeVarint(to, start, bytes.length);
  to.set(bytes, at);
  return at + bytes.length;
}

/** The zigzag form of a safe integer, and beyond 31 bits still exact: timestamps may lie far apart. */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function varintSize(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 128) {
    rest = Math.floor(rest / 128);
    size++;
  }
  return size;
}

function writeVarint(to: Buffer, start: number, value: number): number {
  let rest = zigzag(value);
  let at = start;
  while (rest >= 128) {
    to[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  to[at++] = rest;
  return at;
}
