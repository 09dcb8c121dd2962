import { readRecord, type StoredEvent } from "./record.ts";

/** Appends go together up to this size, in bytes; it is also what one read from disk fetches. */
export const CHUNK_BYTES = 64 * 1024;
/** What a chunk has room for at first; most hubs of a test never need more. */
const FIRST_BYTES = 2 * 1024;

/** Where a chunk lies on disk. */
export interface ChunkPlace {
  /** The first sequence number of the segment. */
  readonly segment: number;
  readonly position: number;
}

/** What is known of a run of records without having them. */
export interface ChunkSummary {
  readonly first: StoredEvent;
  readonly lastTime: number;
  readonly count: number;
  readonly length: number;
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
  /** Undefined when it is only on disk, and then it does not grow any more. */
  bytes: Buffer | undefined;

  constructor(summary: ChunkSummary, place: ChunkPlace | undefined, records?: Buffer) {
    this.firstSequenceNumber = summary.first.sequenceNumber;
    this.firstOffset = summary.first.offset;
    this.firstTime = summary.first.enqueuedTime;
    this.lastTime = summary.lastTime;
    this.count = summary.count;
    this.length = summary.length;
    this.place = place;
    if (records !== undefined) this.bytes = enlarged(records, Math.max(FIRST_BYTES, records.length));
  }

  get endSequenceNumber(): number {
    return this.firstSequenceNumber + this.count;
  }

  /** Takes more records when there is room for them; they must follow what is here already. */
  extend(records: Buffer, count: number, time: number): boolean {
    const length = this.length + records.length;
    if (this.bytes === undefined || (length > this.bytes.length && length > CHUNK_BYTES)) return false;
    if (length > this.bytes.length) {
      this.bytes = enlarged(this.bytes, Math.min(CHUNK_BYTES, Math.max(length, 2 * this.bytes.length)));
    }
    records.copy(this.bytes, this.length);
    this.length = length;
    this.count += count;
    this.lastTime = time;
    return true;
  }
}

/** A copy in memory of its own, so that nothing larger is held by it. */
function enlarged(bytes: Buffer, capacity: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(capacity);
  bytes.copy(larger);
  return larger;
}

/** Steps through the records of a chunk's bytes. */
export function* recordsOf(bytes: Buffer, length: number): Generator<StoredEvent> {
  for (let position = 0; position < length; position += bytes.readUInt32BE(position)) {
    yield readRecord(bytes, position);
  }
}
