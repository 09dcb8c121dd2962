import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { OpeningTurns } from "../src/receiving/opening-turns.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** So many that ask at the same moment, and what has become of them. */
function begun(count: number) {
  const turns = new OpeningTurns();
  const opening: PromiseWithResolvers<void>[] = [];
  const results = Array.from({ length: count }, (_, index) =>
    turns.run(() => {
      const one = Promise.withResolvers<void>();
      opening.push(one);
      return one.promise.then(() => index);
    }),
  );
  return { opening, results };
}

it("a few open at once, the others one by one as these are open, in the order of asking", async () => {
  const { opening, results } = begun(20);
  await vi.advanceTimersByTimeAsync(0);
  const atOnce = opening.length;
  expect(atOnce).toBeLessThanOrEqual(8);
  for (let i = 0; i < 20; i++) {
    opening[i]?.resolve();
    await vi.advanceTimersByTimeAsync(0);
    expect(opening).toHaveLength(Math.min(20, atOnce + i + 1));
  }
  expect(await Promise.all(results)).toEqual(Array.from({ length: 20 }, (_, index) => index));
  expect(vi.getTimerCount()).toBe(0);
});

it("what takes its time, or fails, holds up nobody", async () => {
  const { opening, results } = begun(20);
  await vi.advanceTimersByTimeAsync(0);
  const atOnce = opening.length;
  opening[0]?.reject(new Error("refused"));
  await expect(results[0]).rejects.toThrow("refused");
  await vi.advanceTimersByTimeAsync(0);
  expect(opening).toHaveLength(atOnce + 1);
  await vi.advanceTimersByTimeAsync(50);
  expect(opening).toHaveLength(20);
  for (const one of opening.slice(1)) one.resolve();
  await Promise.all(results.slice(1));
});
