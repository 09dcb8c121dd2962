import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { PublishedEvent } from "../wire/published-event.ts";
import { ChunkCache } from "./chunk-cache.ts";
import { LogCursor, PartitionLog } from "./partition-log.ts";
import { SegmentFiles } from "./segment-files.ts";

const NONE = Buffer.alloc(0);

function eventOf(bytes: number): PublishedEvent {
  return { header: NONE, annotations: [], annotationItems: 0, rest: Buffer.alloc(bytes, 1) };
}

function files(): SegmentFiles {
  const folder = mkdtempSync(join(tmpdir(), "event-hubs-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return new SegmentFiles(folder, false);
}

/** Reads all there is for a cursor. */
function drain(log: PartitionLog, cursor: LogCursor): number[] {
  const read: number[] = [];
  for (let event = log.peek(cursor); event !== undefined; event = log.peek(cursor)) {
    read.push(event.sequenceNumber);
    log.advance(cursor);
  }
  return read;
}

test("readers at any speed get every event once and in order while memory is short", () => {
  const cache = new ChunkCache(8_000);
  const log = new PartitionLog(cache, files());
  const other = new PartitionLog(cache, files());
  const readers = [1, 2, 7, 40].map((pace) => ({ pace, cursor: new LogCursor(0), read: [] as number[] }));
  for (let round = 0; round < 400; round++) {
    const events = Array.from({ length: 1 + (round % 4) }, (_, index) =>
      eventOf((round * 37 + index * 101) % 3_000),
    );
    log.append(events, round);
    other.append([eventOf(round % 900)], round);
    for (const reader of readers)
      if (round % reader.pace === 0) reader.read.push(...drain(log, reader.cursor));
  }
  const all = Array.from({ length: log.end }, (_, index) => index);
  for (const { cursor, read } of readers) expect([...read, ...drain(log, cursor)]).toEqual(all);
});

test("without files the oldest events give way, of the busy log before the quiet one", () => {
  const cache = new ChunkCache(300_000);
  const busy = new PartitionLog(cache);
  const quiet = new PartitionLog(cache);
  quiet.append([eventOf(10)], 0);
  const cursor = new LogCursor(0);
  for (let round = 0; round < 2_000; round++) busy.append([eventOf(1_000)], round);
  expect([quiet.beginning, quiet.end]).toEqual([0, 1]);
  expect(busy.beginning).toBeGreaterThan(1_500);
  expect(busy.beginning).toBeLessThan(1_990);
  expect(drain(busy, cursor)).toEqual(
    Array.from({ length: 2_000 - busy.beginning }, (_, index) => busy.beginning + index),
  );
});

test("finds events by sequence number, offset and time, many of which are the same", () => {
  const log = new PartitionLog(new ChunkCache(1_000_000), files());
  for (let number = 0; number < 500; number++) log.append([eventOf(700)], Math.floor(number / 50));
  const offsets = new Map<number, number>();
  const cursor = new LogCursor(0);
  for (let event = log.peek(cursor); event !== undefined; event = log.peek(cursor)) {
    offsets.set(event.offset, event.sequenceNumber);
    log.advance(cursor);
  }
  for (const [offset, sequenceNumber] of offsets) {
    expect(log.find("offset", offset)).toBe(sequenceNumber);
    expect(log.find("sequenceNumber", sequenceNumber)).toBe(sequenceNumber);
  }
  for (let time = 0; time < 10; time++) expect(log.find("enqueuedTime", time)).toBe(time * 50);
  expect(log.find("enqueuedTime", 10)).toBe(log.end);
});

test("takes no more once it is closed, and nothing from files with another log's events among its own", () => {
  const folder = mkdtempSync(join(tmpdir(), "event-hubs-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const cache = new ChunkCache(1_000_000);
  const log = new PartitionLog(cache, new SegmentFiles(folder, false));
  log.append([eventOf(1), eventOf(1)], 0);
  log.close();
  expect(() => log.append([eventOf(1)], 0)).toThrow("closed");
  const [file = ""] = readdirSync(folder);
  appendFileSync(join(folder, file), readFileSync(join(folder, file)));
  expect(() => new PartitionLog(cache, new SegmentFiles(folder, false))).toThrow("is damaged");
});

test("keeps to the bytes it may have, on disk as well, and knows after all of it where it was", () => {
  const folder = mkdtempSync(join(tmpdir(), "event-hubs-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const log = new PartitionLog(new ChunkCache(1_000_000), new SegmentFiles(folder, false));
  for (let round = 0; round < 70; round++) {
    log.append([eventOf(1_000_000)], round);
    log.retain(0, 5_000_000);
  }
  expect(log.end - log.beginning).toBe(4);
  expect(readdirSync(folder).length).toBeLessThanOrEqual(2);
  log.retain(1_000, 5_000_000);
  expect(log.beginning).toBe(70);
  log.close();

  const again = new PartitionLog(new ChunkCache(1_000_000), new SegmentFiles(folder, false));
  again.append([eventOf(1)], 100);
  expect(again.end).toBe(71);
  expect(again.last?.offset).toBeGreaterThan((log.last?.offset ?? 0) + 1_000_000);
});
