import { UnsupportedFormatError } from "../errors.ts";
import { hasRepeatedValues, type IncomingRecord } from "../mapping.ts";
import { RepeatedTexts } from "./repeated-texts.ts";

/** Bytes of a batch before its first record. */
const batchHead = 61;

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface DecodedRecords {
  readonly records: readonly IncomingRecord[];
  readonly nextOffset: number;
}

/** Unpacks the records of a compressed batch; `codec` is the number Kafka gives it (1 gzip, 2 snappy, 3 lz4, 4 zstd). */
export type Decompress = (codec: number, packed: Buffer) => Promise<Buffer>;

/**
 * The records of a fetched partition from `from` on. A batch cut off at the end
 * (the broker cuts at a number of bytes) is left for the next fetch. Control
 * records, and records of transactions that were rolled back, are passed over.
 */
export async function decodeRecords(
  data: Buffer,
  from: number,
  aborted: readonly AbortedTransaction[],
  decompress: Decompress,
): Promise<DecodedRecords> {
  const records: IncomingRecord[] = [];
  const rolledBack = new RolledBack(aborted);
  let nextOffset = from;
  let at = 0;
  while (at + batchHead <= data.length) {
    const end = at + 12 + data.readInt32BE(at + 8);
    if (end > data.length) break;
    if (data[at + 16] !== 2)
      throw new UnsupportedFormatError("The topic holds messages in a format from before Kafka 0.11.");
    const base = Number(data.readBigInt64BE(at));
    const attributes = data.readInt16BE(at + 21);
    const last = base + data.readInt32BE(at + 23);
    if (last >= from && !rolledBack.covers(data, at, attributes, last)) {
      const codec = attributes & 7;
      const packed = data.subarray(at + batchHead, end);
      const plain = codec === 0 ? packed : await decompress(codec, packed);
      readRecords(plain, {
        base,
        from,
        count: data.readInt32BE(at + 57),
        firstTimestamp: Number(data.readBigInt64BE(at + 27)),
        // With LogAppendTime the broker's own time counts in place of that of every record.
        appendTime: attributes & 8 ? Number(data.readBigInt64BE(at + 35)) : undefined,
        into: records,
      });
    }
    if (last >= nextOffset) nextOffset = last + 1;
    at = end;
  }
  return { records, nextOffset };
}

/** Knows which batches belong to transactions that were rolled back. */
class RolledBack {
  readonly #aborted: readonly AbortedTransaction[];
  readonly #open = new Set<bigint>();
  #next = 0;

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /** True for what no consumer is to see. Batches must come in order. */
  covers(data: Buffer, at: number, attributes: number, last: number): boolean {
    const control = (attributes & 32) !== 0;
    if (this.#aborted.length === 0) return control;
    const producer = data.readBigInt64BE(at + 43);
    for (let next = this.#aborted[this.#next]; next !== undefined && next.firstOffset <= last; ) {
      this.#open.add(next.producerId);
      next = this.#aborted[++this.#next];
    }
    if (!control) return (attributes & 16) !== 0 && this.#open.has(producer);
    this.#open.delete(producer);
    return true;
  }
}

interface Batch {
  readonly base: number;
  readonly from: number;
  readonly count: number;
  readonly firstTimestamp: number;
  readonly appendTime: number | undefined;
  readonly into: IncomingRecord[];
}

function readRecords(data: Buffer, batch: Batch): void {
  const cursor = new Cursor(data, 0);
  for (let i = 0; i < batch.count; i++) {
    const size = cursor.varint();
    const end = cursor.at + size;
    cursor.at++;
    const timestamp = batch.firstTimestamp + cursor.varint();
    const offset = batch.base + cursor.varint();
    const key = cursor.bytes();
    const value = cursor.bytes();
    if (offset >= batch.from) {
      batch.into.push(new Fetched(offset, batch.appendTime ?? timestamp, key, value, size, data, cursor.at));
    }
    cursor.at = end;
  }
}

class Cursor {
  readonly #data: Buffer;
  at: number;

  constructor(data: Buffer, at: number) {
    this.#data = data;
    this.at = at;
  }

  /** A zigzag number of up to 53 bits. */
  varint(): number {
    const data = this.#data;
    let byte = data[this.at++] as number;
    if (byte < 128) return byte & 1 ? -((byte + 1) / 2) : byte / 2;
    let value = byte & 127;
    let scale = 128;
    do {
      byte = data[this.at++] as number;
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    return value % 2 === 1 ? -((value + 1) / 2) : value / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at = start + length;
    return this.#data.subarray(start, this.at);
  }

  text(): string {
    const length = this.varint();
    if (length <= 0) return "";
    const start = this.at;
    this.at = start + length;
    return this.#data.toString("utf8", start, this.at);
  }

  /** One that has most likely been read before. */
  repeatedText(): string {
    const length = this.varint();
    if (length <= 0) return "";
    const start = this.at;
    this.at = start + length;
    return repeatedTexts.read(this.#data, start, this.at);
  }
}

/** What records have at most, nearly always. */
const usualHeaders = 16;

/** Names of headers, and values of which there are few. */
const repeatedTexts = new RepeatedTexts();

class Fetched implements IncomingRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly bytes: number;
  readonly #data: Buffer;
  readonly #headersAt: number;

  constructor(
    offset: number,
    timestamp: number,
    key: Buffer | null,
    value: Buffer | null,
    bytes: number,
    data: Buffer,
    headersAt: number,
  ) {
    this.offset = offset;
    this.timestamp = timestamp;
    this.key = key;
    this.value = value;
    this.bytes = bytes;
    this.#data = data;
    this.#headersAt = headersAt;
  }

  headers(): readonly string[] {
    const cursor = new Cursor(this.#data, this.#headersAt);
    const count = cursor.varint();
    // A list that grows has room for seventeen. From the wire: the count may be anything.
    const headers: string[] = new Array(count > 0 && count <= usualHeaders ? 2 * count : 0);
    for (let i = 0; i < count; i++) {
      const name = cursor.repeatedText();
      headers[2 * i] = name;
      headers[2 * i + 1] = hasRepeatedValues(name) ? cursor.repeatedText() : cursor.text();
    }
    return headers;
  }

  rawHeaders(): readonly (string | Buffer | null)[] {
    const cursor = new Cursor(this.#data, this.#headersAt);
    const count = cursor.varint();
    const headers: (string | Buffer | null)[] = [];
    for (let i = 0; i < count; i++) headers.push(cursor.text(), cursor.bytes());
    return headers;
  }
}
