import type { PublishedEvent } from "../wire/published-event.ts";
import { Chunk, recordsOf } from "./chunk.ts";
import type { ChunkCache, ChunkKeeper } from "./chunk-cache.ts";
import { encodeRecords, readRecord, type StoredEvent } from "./record.ts";
import type { Recovered, SegmentFiles } from "./segment-files.ts";

/** The last event a partition was given, even when retention has taken it away since. */
export interface LastEnqueued {
  readonly sequenceNumber: number;
  readonly offset: number;
  readonly enqueuedTime: number;
}

/** Where a reader is: the next sequence number, and what it need not look up again. */
export class LogCursor {
  sequenceNumber: number;
  chunk: Chunk | undefined;
  bytes: Buffer | undefined;
  position = 0;

  constructor(sequenceNumber: number) {
    this.sequenceNumber = sequenceNumber;
  }
}

/** What events can be found by; all three only ever grow along a partition. */
export type Coordinate = "sequenceNumber" | "offset" | "enqueuedTime";

/**
 * The append-only log of one partition. Recent chunks are in memory; older ones are
 * read from disk when there are files, and gone when there are none.
 */
export class PartitionLog implements ChunkKeeper {
  readonly #cache: ChunkCache;
  readonly #files: SegmentFiles | undefined;
  #chunks: Chunk[] = [];
  #nextSequenceNumber = 0;
  #nextOffset = 0;
  #last: LastEnqueued | undefined;
  /** Bytes of the records that are kept. */
  #size = 0;
  /** Where the retained events begin, when that is inside the first chunk. */
  #floor = 0;
  #closed = false;

  constructor(cache: ChunkCache, files?: SegmentFiles) {
    this.#cache = cache;
    this.#files = files;
    if (files !== undefined) this.#adopt(files.recover());
  }

  /** The lowest sequence number that can still be read; `end` when the log is empty. */
  get beginning(): number {
    return Math.max(this.#floor, this.#chunks[0]?.firstSequenceNumber ?? this.#nextSequenceNumber);
  }

  /** The sequence number that the next event will get. */
  get end(): number {
    return this.#nextSequenceNumber;
  }

  get last(): LastEnqueued | undefined {
    return this.#last;
  }

  /** Events are readable, and with files in the hands of the operating system, when this returns. */
  append(events: readonly PublishedEvent[], now: number): void {
    if (this.#closed) throw new Error("This log is closed");
    if (events.length === 0) return;
    const time = Math.max(now, this.#last?.enqueuedTime ?? 0);
    const start = { sequenceNumber: this.#nextSequenceNumber, offset: this.#nextOffset };
    const records = encodeRecords(events, start, time);
    const place = this.#files?.append(records, start);

    let tail = this.#chunks.at(-1);
    if (tail === undefined || place?.opensSegment === true || !tail.extend(records, events.length, time)) {
      const summary = {
        first: readRecord(records, 0),
        lastTime: time,
        count: events.length,
        length: records.length,
      };
      tail = new Chunk(summary, place, records);
      this.#chunks.push(tail);
    }
    this.#cache.admit(tail, this);
    this.#nextSequenceNumber += events.length;
    this.#nextOffset += records.length;
    this.#size += records.length;
    const lastOffset = offsetOfLast(records);
    this.#last = { sequenceNumber: this.#nextSequenceNumber - 1, offset: lastOffset, enqueuedTime: time };
  }

  /** Resolves when everything appended so far would outlive a loss of power. */
  sync(): Promise<void> | undefined {
    return this.#files?.sync();
  }

  /** The event a cursor is at, or undefined when there is none yet. What retention has taken is skipped. */
  peek(cursor: LogCursor): StoredEvent | undefined {
    if (cursor.sequenceNumber < this.beginning) this.#reposition(cursor, this.beginning);
    if (cursor.sequenceNumber >= this.end) return undefined;
    return readRecord(this.#sourceFor(cursor), cursor.position);
  }

  /** Moves a cursor past the event that {@link peek} gave. */
  advance(cursor: LogCursor): void {
    cursor.position += cursor.bytes?.readUInt32BE(cursor.position) ?? 0;
    cursor.sequenceNumber++;
  }

  #reposition(cursor: LogCursor, sequenceNumber: number): void {
    cursor.sequenceNumber = sequenceNumber;
    cursor.chunk = undefined;
    cursor.bytes = undefined;
  }

  #sourceFor(cursor: LogCursor): Buffer {
    const { chunk } = cursor;
    if (chunk !== undefined && cursor.sequenceNumber < chunk.endSequenceNumber) {
      // The bytes a cursor has may be from before the chunk grew.
      const known = chunk.bytes ?? cursor.bytes;
      cursor.bytes = known !== undefined && known.length >= chunk.length ? known : this.#load(chunk);
      return cursor.bytes;
    }
    const found = this.#chunkOf("sequenceNumber", cursor.sequenceNumber);
    if (found === undefined) throw new Error(`No event ${cursor.sequenceNumber} in this log`);
    cursor.chunk = found;
    cursor.bytes = this.#load(found);
    cursor.position = 0;
    for (let sequence = found.firstSequenceNumber; sequence < cursor.sequenceNumber; sequence++) {
      cursor.position += cursor.bytes.readUInt32BE(cursor.position);
    }
    return cursor.bytes;
  }

  /** The sequence number of the first retained event whose coordinate is at least `value`; `end` if none is. */
  find(coordinate: Coordinate, value: number): number {
    const chunk = this.#chunkOf(coordinate, value);
    if (chunk === undefined) return this.beginning;
    for (const event of recordsOf(this.#load(chunk), chunk.length)) {
      if (event[coordinate] >= value) return Math.max(event.sequenceNumber, this.beginning);
    }
    return Math.max(chunk.endSequenceNumber, this.beginning);
  }

  /**
   * The last chunk that begins before `value`, or at it. Many events can share one
   * enqueued time, so for times only a chunk that begins earlier will do.
   */
  #chunkOf(coordinate: Coordinate, value: number): Chunk | undefined {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (beginsBefore(this.#chunks[middle] as Chunk, coordinate, value)) low = middle + 1;
      else high = middle;
    }
    return this.#chunks[low - 1];
  }

  #load(chunk: Chunk): Buffer {
    return chunk.bytes ?? (this.#files as SegmentFiles).read(chunk);
  }

  /** Lets go of events enqueued before `time`, and of the oldest beyond `maxBytes`. */
  retain(time: number, maxBytes: number): void {
    let size = this.#size;
    let keepFrom = 0;
    for (const chunk of this.#chunks) {
      if (chunk.lastTime >= time && size <= maxBytes) break;
      size -= chunk.length;
      keepFrom++;
    }
    this.#drop(keepFrom);
    const first = this.#chunks[0];
    if (first !== undefined && first.firstTime < time)
      this.#floor = Math.max(this.#floor, this.find("enqueuedTime", time));
  }

  isGrowing(chunk: Chunk): boolean {
    return chunk === this.#chunks.at(-1);
  }

  /** Memory is short: with files the chunk stays on disk, without it is gone, and all before it. */
  evict(chunk: Chunk): void {
    if (this.#files !== undefined) chunk.bytes = undefined;
    else this.#drop(this.#chunks.indexOf(chunk) + 1);
  }

  #drop(count: number): void {
    if (count === 0) return;
    for (const chunk of this.#chunks.splice(0, count)) {
      this.#cache.forget(chunk);
      this.#size -= chunk.length;
    }
    this.#files?.dropBefore(this.#chunks[0]?.place?.segment);
  }

  #adopt({ chunks, next, last }: Recovered): void {
    this.#chunks = chunks;
    for (const chunk of chunks) this.#size += chunk.length;
    this.#nextSequenceNumber = next.sequenceNumber;
    this.#nextOffset = next.offset;
    this.#last = last;
  }

  /** Nothing more is taken: under the same name there may be another log by now. */
  close(): void {
    this.#closed = true;
    for (const chunk of this.#chunks) this.#cache.forget(chunk);
    this.#files?.close();
  }
}

function beginsBefore(chunk: Chunk, coordinate: Coordinate, value: number): boolean {
  if (coordinate === "sequenceNumber") return chunk.firstSequenceNumber <= value;
  if (coordinate === "offset") return chunk.firstOffset <= value;
  return chunk.firstTime < value;
}

function offsetOfLast(records: Buffer): number {
  let position = 0;
  for (;;) {
    const next = position + records.readUInt32BE(position);
    if (next >= records.length) return readRecord(records, position).offset;
    position = next;
  }
}
