import { expect, it } from "vitest";
import { longestDelayMs, tierFor, tiers } from "../src/delays/tiers.ts";

it("rounds a delay up, by a tenth at most above the shortest tier", () => {
  expect(tiers.length).toBeLessThan(200);
  expect(tiers.at(-1)).toBe(longestDelayMs);
  expect(tierFor(1)).toBe(100);
  for (let delayMs = 100; delayMs <= longestDelayMs; delayMs = Math.ceil(delayMs * 1.003)) {
    const tier = tierFor(delayMs);
    expect(tier).toBeGreaterThanOrEqual(delayMs);
    expect(tier).toBeLessThanOrEqual(delayMs * 1.1);
  }
  expect(tierFor(longestDelayMs)).toBe(longestDelayMs);
});
