import { describe, expect, it } from "vitest";
import { leavesAt, rungHoldsMs, rungOf } from "../src/delays/ladder.ts";

describe("the ladder", () => {
  it.each([1, 100, 249, 250, 999, 5_000, 60_000, 3_600_000, 7 * 86_400_000])(
    "brings a delay of %i ms to its end: never early, late by a tenth at most, in few steps",
    (delay) => {
      let now = 0;
      let steps = 0;
      while (now < delay) {
        const rung = rungOf(delay - now, rungHoldsMs.length);
        const leaves = leavesAt({ next: delay, entered: now }, rung);
        expect(leaves).toBeLessThanOrEqual(delay);
        // A mover that is behind by a little must still make progress.
        expect(leaves).toBeGreaterThan(now);
        now = leaves;
        steps++;
      }
      expect(now).toBe(delay);
      expect(steps).toBeLessThanOrEqual(16 + delay / 4_096_000);
    },
  );

  it("holds nobody up by more than a tenth: what stays on a rung is due soon after its hold", () => {
    for (const [rung, hold] of rungHoldsMs.entries()) {
      for (const more of [0, hold * 0.05, hold * 0.2, hold * 2]) {
        const stays = leavesAt({ next: hold + more, entered: 0 }, rung);
        expect(stays).toBeLessThanOrEqual(Math.max(250, hold * 1.1));
      }
    }
  });

  it("does with fewer rungs where the hub has fewer partitions", () => {
    expect(rungOf(3_600_000, 4)).toBe(3);
    expect(rungOf(3_600_000, 1)).toBe(0);
  });
});
