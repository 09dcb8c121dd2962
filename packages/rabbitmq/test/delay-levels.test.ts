import { expect, it } from "vitest";
import { levelFor, levels, longestDelayMs } from "../src/delays/levels.ts";

it("rounds a delay up, by a tenth at most above the shortest level", () => {
  expect(levels.length).toBeLessThan(200);
  expect(levels.at(-1)).toBe(longestDelayMs);
  expect(levelFor(1)).toBe(100);
  for (let delayMs = 100; delayMs <= longestDelayMs; delayMs = Math.ceil(delayMs * 1.003)) {
    const level = levelFor(delayMs);
    expect(level).toBeGreaterThanOrEqual(delayMs);
    expect(level).toBeLessThanOrEqual(delayMs * 1.1);
  }
  expect(levelFor(longestDelayMs)).toBe(longestDelayMs);
});
