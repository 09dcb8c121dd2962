import { readRecord, type StoredEvent } from "./record.ts";

/** Appends go together up to this size, in bytes; it is also what one read from disk fetches. */
const CHUNK_BYTES = 64 * 1024;

/** Where a chunk lies on disk. */
export interface ChunkPlace {
  readonly segment: number;
  readonly position: number;
}

/** A run of consecutive records, kept or dropped as a whole: the grain of cache, index and retention. */
export class Chunk {
  readonly firstSequenceNumber: number;
  readonly firstOffset: number;
  readonly firstTime: number;
  readonly place: ChunkPlace | undefined;
  lastTime: number;
  count: number;
  length: number;
  /** Undefined once it is only on disk. */
  bytes: Buffer | undefined;

  constructor(first: StoredEvent, count: number, records: Buffer, place: ChunkPlace | undefined) {
    this.firstSequenceNumber = first.sequenceNumber;
    this.firstOffset = first.offset;
    this.firstTime = first.enqueuedTime;
    this.lastTime = first.enqueuedTime;
    this.place = place;
    this.count = count;
    this.length = records.length;
    this.bytes = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, records.length));
    records.copy(this.bytes);
  }

  get capacity(): number {
    return this.bytes?.length ?? 0;
  }

  get endSequenceNumber(): number {
    return this.firstSequenceNumber + this.count;
  }

  /** Takes more records when there is room for them; they must follow what is here already. */
  extend(records: Buffer, count: number, time: number): boolean {
    if (this.bytes === undefined || this.length + records.length > this.bytes.length) return false;
    records.copy(this.bytes, this.length);
    this.length += records.length;
    this.count += count;
    this.lastTime = time;
    return true;
  }
}

/** Steps through the records of a chunk's bytes. */
export function* recordsOf(bytes: Buffer, length: number): Generator<StoredEvent> {
  for (let position = 0; position < length; position += bytes.readUInt32BE(position)) {
    yield readRecord(bytes, position);
  }
}
