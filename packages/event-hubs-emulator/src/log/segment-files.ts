import type { Chunk, ChunkPlace } from "./chunk.ts";

/** The files of one partition. */
export interface SegmentFiles {
  /** What is on disk, in order, each chunk with its bytes loaded. */
  recover(): Iterable<Chunk>;
  append(records: Buffer, start: { sequenceNumber: number }): ChunkPlace & { opensSegment: boolean };
  read(chunk: Chunk): Buffer;
  /** Deletes the segments before this one; all but the current one when undefined. */
  dropBefore(segment: number | undefined): void;
  sync(): Promise<void>;
  close(): void;
}
