import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { CHUNK_BYTES, Chunk, type ChunkPlace } from "./chunk.ts";
import { isIntact, readRecord, type StoredEvent } from "./record.ts";

/** A file ends when the next records would take it beyond this many bytes. */
const SEGMENT_BYTES = 32 * 1024 * 1024;

/** Where the next event goes. */
interface Next {
  readonly sequenceNumber: number;
  readonly offset: number;
}

/** What a partition had when it was last written to. */
export interface Recovered {
  readonly chunks: Chunk[];
  readonly next: Next;
  readonly last: StoredEvent | undefined;
}

/**
 * The files of one partition, each named by the sequence number and the offset of
 * its first record. An append is one write to the end of the last file; what a
 * crash left half written there is cut off when the file is next opened.
 */
export class SegmentFiles {
  readonly #folder: string;
  readonly #durable: boolean;
  readonly #names = new Map<number, string>();
  #fd: number | undefined;
  #current = 0;
  #size = 0;
  #syncing: Promise<void> | undefined;
  #queued: Promise<void> | undefined;

  /** @param durable whether {@link sync} has anything to do */
  constructor(folder: string, durable: boolean) {
    this.#folder = folder;
    this.#durable = durable;
  }

  recover(): Recovered {
    mkdirSync(this.#folder, { recursive: true });
    const segments = readdirSync(this.#folder)
      .filter((name) => name.endsWith(".log"))
      .sort();
    const chunks: Chunk[] = [];
    let next: Next = { sequenceNumber: 0, offset: 0 };
    let last: StoredEvent | undefined;
    for (const [index, name] of segments.entries()) {
      const start = startOf(name);
      this.#names.set(start.sequenceNumber, name);
      const path = join(this.#folder, name);
      const bytes = readFileSync(path);
      const scanned = scan(bytes, start.sequenceNumber);
      if (scanned.length < bytes.length) {
        if (scanned.isDisordered || index < segments.length - 1) {
          throw new Error(
            `${path} is damaged at byte ${scanned.length}. Move it away, or name another folder.`,
          );
        }
        truncateSync(path, scanned.length);
      }
      chunks.push(...scanned.chunks);
      next = { sequenceNumber: start.sequenceNumber + scanned.count, offset: start.offset + scanned.length };
      last = scanned.last ?? last;
      this.#current = start.sequenceNumber;
      this.#size = scanned.length;
    }
    return { chunks, next, last };
  }

  /** Writes records to the operating system. Throws, and leaves no part of them, when that fails. */
  append(records: Buffer, start: Next): ChunkPlace & { opensSegment: boolean } {
    const opensSegment = this.#names.size === 0 || this.#size + records.length > SEGMENT_BYTES;
    if (opensSegment) this.#roll(start);
    this.#fd ??= openSync(this.#pathOf(this.#current), "a");
    const position = this.#size;
    try {
      for (let written = 0; written < records.length; ) {
        written += writeSync(this.#fd, records, written, records.length - written);
      }
    } catch (error) {
      ftruncateSync(this.#fd, position);
      throw error;
    }
    this.#size += records.length;
    return { segment: this.#current, position, opensSegment };
  }

  #roll(start: Next): void {
    if (this.#fd !== undefined) {
      if (this.#durable) fdatasyncSync(this.#fd);
      closeSync(this.#fd);
      this.#fd = undefined;
    }
    this.#current = start.sequenceNumber;
    this.#names.set(start.sequenceNumber, nameOf(start));
    this.#size = 0;
  }

  read(chunk: Chunk): Buffer {
    const bytes = Buffer.allocUnsafeSlow(chunk.length);
    const { segment, position } = chunk.place as ChunkPlace;
    const fd = openSync(this.#pathOf(segment), "r");
    try {
      for (let done = 0; done < bytes.length; ) {
        const count = readSync(fd, bytes, done, bytes.length - done, position + done);
        if (count === 0) throw new Error(`${this.#pathOf(segment)} is shorter than it was`);
        done += count;
      }
    } finally {
      closeSync(fd);
    }
    return bytes;
  }

  /** Deletes the segments before this one; all but the current one when undefined. */
  dropBefore(segment: number | undefined): void {
    for (const start of this.#names.keys()) {
      if (start >= (segment ?? this.#current) || start === this.#current) continue;
      rmSync(this.#pathOf(start), { force: true });
      this.#names.delete(start);
    }
  }

  /**
   * Resolves when what has been appended is on the disk itself; undefined when nobody
   * wants that. Callers that come while one sync runs share the next.
   */
  sync(): Promise<void> | undefined {
    if (!this.#durable) return undefined;
    if (this.#syncing === undefined) return this.#startSync();
    this.#queued ??= this.#syncing
      .catch(() => {})
      .then(() => {
        this.#queued = undefined;
        return this.#startSync();
      });
    return this.#queued;
  }

  #startSync(): Promise<void> {
    const fd = this.#fd;
    const running = new Promise<void>((resolve, reject) => {
      if (fd === undefined) resolve();
      else fdatasync(fd, (error) => (error === null || this.#fd !== fd ? resolve() : reject(error)));
    });
    this.#syncing = running.finally(() => {
      this.#syncing = undefined;
    });
    return this.#syncing;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #pathOf(segment: number): string {
    return join(this.#folder, this.#names.get(segment) ?? "");
  }
}

function nameOf({ sequenceNumber, offset }: Next): string {
  return `${String(sequenceNumber).padStart(16, "0")}-${String(offset).padStart(16, "0")}.log`;
}

function startOf(name: string): Next {
  const [sequenceNumber = 0, offset = 0] = name.split(/[-.]/).map(Number);
  return { sequenceNumber, offset };
}

interface Scan {
  readonly chunks: Chunk[];
  readonly count: number;
  /** Bytes that are intact. */
  readonly length: number;
  readonly last: StoredEvent | undefined;
  /** Whether an intact record comes next that does not belong there. */
  readonly isDisordered: boolean;
}

/** Checks a segment record by record and groups its records into chunks. */
function scan(bytes: Buffer, segment: number): Scan {
  const chunks: Chunk[] = [];
  let count = 0;
  let length = 0;
  let last: StoredEvent | undefined;
  let open: { first: StoredEvent; count: number; position: number } | undefined;

  const finish = (): void => {
    if (open === undefined || last === undefined) return;
    const { first, position } = open;
    const summary = { first, lastTime: last.enqueuedTime, count: open.count, length: length - position };
    chunks.push(new Chunk(summary, { segment, position }));
    open = undefined;
  };

  while (isIntact(bytes, length)) {
    const event = readRecord(bytes, length);
    if (event.sequenceNumber !== segment + count) break;
    if (open !== undefined && length - open.position >= CHUNK_BYTES) finish();
    last = event;
    open ??= { first: last, count: 0, position: length };
    open.count++;
    count++;
    length += bytes.readUInt32BE(length);
  }
  finish();
  return { chunks, count, length, last, isDisordered: isIntact(bytes, length) };
}
