import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HandBackNotes } from "../src/spi/index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Written beside one offset. */
function written(...notes: readonly [position: number, redeliveries: number, delayMs: number][]): string {
  const all = new HandBackNotes();
  for (const [position, redeliveries, delayMs] of notes) all.add(position, { redeliveries, delayMs });
  return all.write(100, 3_500).text;
}

it("what is noted of a message is read by whoever reads the partition next", async () => {
  const read = HandBackNotes.read(written([100, 2, 60_000], [130, 1, 0]), 100);
  await vi.advanceTimersByTimeAsync(20_000);
  expect([read?.redeliveriesOf(100), read?.waitOf(100)]).toEqual([2, 40_000]);
  expect([read?.redeliveriesOf(130), read?.waitOf(130)]).toEqual([1, 0]);
  expect([read?.redeliveriesOf(101), read?.waitOf(101)]).toEqual([0, 0]);
});

it("a note is written again while its message is unsettled, and gone once the offset has passed it", async () => {
  const read = HandBackNotes.read(written([100, 2, 60_000], [130, 1, 60_000]), 100) as HandBackNotes;
  await vi.advanceTimersByTimeAsync(20_000);
  read.forgetBefore(101);
  const again = HandBackNotes.read(read.write(101, 3_500).text, 101);
  expect([again?.redeliveriesOf(100), again?.redeliveriesOf(130), again?.waitOf(130)]).toEqual([
    0, 1, 40_000,
  ]);
  read.forgetBefore(131);
  expect(read.isEmpty).toBe(true);
  expect(read.write(131, 3_500)).toEqual({ text: "", leftOut: 0 });
});

it("beside another offset than the one it was written with it says nothing", () => {
  expect(HandBackNotes.read(written([100, 2, 60_000]), 90)?.isEmpty).toBe(true);
});

it("a wait is neither shorter nor longer than it was for who wrote it, whatever the clocks show", async () => {
  const text = written([100, 2, 5_000]);
  for (const hours of [-1, 0, 1]) {
    vi.setSystemTime(Date.now() + hours * 3_600_000);
    const read = HandBackNotes.read(text, 100);
    expect([read?.redeliveriesOf(100), read?.waitOf(100)], `${hours} hours`).toEqual([2, 5_000]);
  }
});

it("a clock that is set while a retry waits changes nothing", async () => {
  const read = HandBackNotes.read(written([100, 2, 60_000]), 100) as HandBackNotes;
  vi.setSystemTime(Date.now() + 3_600_000);
  await vi.advanceTimersByTimeAsync(20_000);
  const again = HandBackNotes.read(read.write(100, 3_500).text, 100);
  expect([read.waitOf(100), again?.waitOf(100)]).toEqual([40_000, 40_000]);
});

it("what others write beside an offset is no note, and what is damaged is told from that", () => {
  for (const text of [undefined, null, "", "2026-11-30 by a tool", "waybill-2 ?"])
    expect(HandBackNotes.read(text, 0)?.isEmpty).toBe(true);
  const base = (100).toString(36);
  for (const damaged of [
    "waybill-1 ",
    `waybill-1 ${base}`,
    `waybill-1 ${base} `,
    `waybill-1 ${base} 0:1`,
    `waybill-1 ${base} 0:1:2:3`,
    `waybill-1 ${base} 0:-1:2`,
    `waybill-1 ${base} 0:zzzzzz:2`,
    `waybill-1 ${base} 0:1:zzzzzzzzzzz`,
    `waybill-1 ${base} 0:1:2 more`,
    `waybill-1 ${base} ${"0:1:2,".repeat(5_000)}0:1:2`,
  ])
    expect(HandBackNotes.read(damaged, 100), damaged.slice(0, 60)).toBeUndefined();
});

it("it stays within its length, and says what it leaves out", () => {
  const notes = new HandBackNotes();
  for (let position = 1_000; position < 2_000; position++)
    notes.add(position, { redeliveries: 3, delayMs: 60_000 });
  const { text, leftOut } = notes.write(1_000, 500);
  expect(text.length).toBeLessThanOrEqual(500);
  const read = HandBackNotes.read(text, 1_000);
  const kept = Array.from({ length: 1_000 }, (_, at) => read?.redeliveriesOf(1_000 + at)).filter(Boolean);
  expect(kept.length + leftOut).toBe(1_000);
  expect(read?.redeliveriesOf(1_000)).toBe(3);
});
