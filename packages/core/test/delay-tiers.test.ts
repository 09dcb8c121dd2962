import { describe, expect, it } from "vitest";
import { delayTierFor, delayTierHoldsMs, leavesDelayTierAt } from "../src/spi/index.ts";

/** Through how many tiers a message goes and when it is delivered, if every step takes `stepMs` and nobody is in its way. */
function wait(delayMs: number, stepMs: number): { readonly steps: number; readonly lateMs: number } {
  const dueAt = delayMs;
  let now = 0;
  for (let steps = 1; ; steps++) {
    const tier = delayTierFor(dueAt - now);
    now = Math.max(now, leavesDelayTierAt({ dueAt, enteredAt: now }, tier)) + stepMs;
    if (now >= dueAt) return { steps, lateMs: now - dueAt };
  }
}

describe("delay tiers", () => {
  it.each([1, 99, 250, 1_000, 3_999, 10_000, 60_000, 777_777, 3_600_000, 86_400_000, 7 * 86_400_000])(
    "deliver %d ms later, never early, and soon after",
    (delayMs) => {
      const { lateMs } = wait(delayMs, 20);
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThanOrEqual(20);
    },
  );

  it("take few steps", () => {
    expect(wait(1_000, 10).steps).toBe(1);
    expect(wait(5_000, 10).steps).toBeLessThanOrEqual(5);
    expect(wait(60_000, 10).steps).toBeLessThanOrEqual(12);
    expect(wait(3_600_000, 10).steps).toBeLessThanOrEqual(20);
  });

  it.each([1, 100, 249, 250, 999, 5_000, 60_000, 3_600_000, 7 * 86_400_000])(
    "bring a delay of %i ms to its end though every step is taken at once",
    (delay) => {
      let now = 0;
      let steps = 0;
      while (now < delay) {
        const leaves = leavesDelayTierAt({ dueAt: delay, enteredAt: now }, delayTierFor(delay - now));
        expect(leaves).toBeLessThanOrEqual(delay);
        // A forwarder that is behind by a little must still make progress.
        expect(leaves).toBeGreaterThan(now);
        now = leaves;
        steps++;
      }
      expect(now).toBe(delay);
      expect(steps).toBeLessThanOrEqual(16 + delay / 4_096_000);
    },
  );

  it("keep nobody waiting behind another for more than a tenth of their hold", () => {
    for (let tier = 1; tier < delayTierHoldsMs.length; tier++) {
      const hold = delayTierHoldsMs[tier] as number;
      const next = delayTierHoldsMs[tier + 1] ?? hold * 4;
      for (let remaining = hold; remaining < next; remaining += hold / 50) {
        const stay = leavesDelayTierAt({ dueAt: remaining, enteredAt: 0 }, tier);
        expect(stay).toBeGreaterThanOrEqual(hold);
        expect(stay).toBeLessThanOrEqual(Math.max(hold * 1.1, delayTierHoldsMs[1]));
      }
    }
  });

  it("are as many as the topic has partitions", () => {
    expect(delayTierFor(3_600_000, 4)).toBe(3);
    expect(delayTierFor(3_600_000, 1)).toBe(0);
  });
});
