import { metadataHeaders } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";
import type { IncomingRecord } from "../src/client.ts";
import {
  delayed,
  delayHeaders,
  leavesAt,
  readWaiting,
  rung,
  rungFor,
  rungHoldsMs,
} from "../src/delays/ladder.ts";

/** Where a message goes and when it is delivered, if every step takes `stepMs` and nobody is in its way. */
function climb(delayMs: number, stepMs: number): { readonly steps: number; readonly lateMs: number } {
  const due = delayMs;
  let now = 0;
  for (let steps = 1; ; steps++) {
    const on = rung(due - now);
    now = Math.max(now, leavesAt({ due, entered: now }, on)) + stepMs;
    if (now >= due) return { steps, lateMs: now - due };
  }
}

describe("the ladder", () => {
  it.each([1, 99, 250, 1_000, 3_999, 10_000, 60_000, 777_777, 3_600_000, 86_400_000, 7 * 86_400_000])(
    "delivers %d ms later, never early, and soon after",
    (delayMs) => {
      const { lateMs } = climb(delayMs, 20);
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(20);
    },
  );

  it("takes few steps", () => {
    expect(climb(1_000, 10).steps).toBe(1);
    expect(climb(5_000, 10).steps).toBeLessThanOrEqual(5);
    expect(climb(60_000, 10).steps).toBeLessThanOrEqual(12);
    expect(climb(3_600_000, 10).steps).toBeLessThanOrEqual(20);
  });

  it("keeps nobody waiting behind another for more than a tenth of its hold", () => {
    for (let on = 1; on < rungHoldsMs.length; on++) {
      const hold = rungHoldsMs[on] as number;
      const next = rungHoldsMs[on + 1] ?? hold * 4;
      for (let remaining = hold; remaining < next; remaining += hold / 50) {
        const stay = leavesAt({ due: remaining, entered: 0 }, on);
        expect(stay).toBeGreaterThanOrEqual(hold);
        expect(stay).toBeLessThanOrEqual(Math.max(hold * 1.1, rungHoldsMs[1]));
      }
    }
  });

  it("fits the partitions there are", () => {
    const record = { key: null, value: Buffer.alloc(0), timestamp: Date.now(), headers: [] };
    expect(rungFor(delayed(record, "t", Date.now() + 3_600_000), 4)).toBe(3);
  });
});

describe("what waits", () => {
  const incoming = (headers: readonly string[], timestamp = 5): IncomingRecord => ({
    offset: 0,
    timestamp,
    key: null,
    value: null,
    headers: () => headers,
    rawHeaders: () => headers,
  });

  it("is delivered as it was sent, with its time as a header", () => {
    const record = { key: Buffer.from("k"), value: Buffer.from("v"), timestamp: 123, headers: ["a", "b"] };
    const waiting = delayed(record, "orders..billing..retry", 10_000.4);
    const read = readWaiting(
      { ...incoming(waiting.headers), key: record.key, value: record.value },
      "orders",
    );
    expect(read).toMatchObject({ due: 10_002, to: "orders..billing..retry", entered: 5 });
    expect(read.record).toMatchObject({
      key: record.key,
      headers: ["a", "b", metadataHeaders.timestamp, "123"],
    });
    expect(delayed(read.record, read.to, 20_000).headers.filter((text) => text === "123")).toEqual(["123"]);
  });

  it("is due at once, at home, when it does not say", () => {
    expect(readWaiting(incoming([delayHeaders.due, "soon"]), "orders")).toMatchObject({
      due: 0,
      to: "orders",
    });
  });
});
