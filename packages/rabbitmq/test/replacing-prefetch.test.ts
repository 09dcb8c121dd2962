import { expect, it } from "vitest";
import type { PrefetchChange } from "../src/receiving/prefetch-limits.ts";
import { ReplacingPrefetch } from "../src/receiving/replacing-prefetch.ts";

const megabyte = 1024 * 1024;

/** One that has been given as many as it begins with, each of so many bytes, which had been given back by another member. */
function takingOn(prefetch: number, bytes: number): ReplacingPrefetch {
  const policy = new ReplacingPrefetch({ prefetch, prefetchBytes: 64 * megabyte });
  for (let n = 0; n < policy.first; n++) policy.arrived(bytes);
  return policy;
}

const full = { leftover: 0, isNewestFull: true, isTakingOn: true };

/** The changes while all that comes had been given back. */
function taken(policy: ReplacingPrefetch, from: number, changes: number): PrefetchChange[] {
  let all = from;
  return Array.from({ length: changes }, () => {
    const change = policy.change({ ...full, all, leftover: all });
    if (typeof change === "object" && "replace" in change) all += change.replace;
    return change;
  });
}

it("takes on what came back beyond its prefetch: one to see whether there is more, then more and more", () => {
  expect(taken(takingOn(10, 100), 10, 5)).toEqual([1, 64, 96, 144, 216].map((replace) => ({ replace })));
});

it("takes on half of what fits by size at once, at the most", () => {
  expect(taken(takingOn(16, 4 * megabyte), 16, 4)).toEqual([1, 7, 7, 7].map((replace) => ({ replace })));
});

it("waits until all it let in has come, and wants less again once something else comes", () => {
  const policy = takingOn(10, 100);
  taken(policy, 10, 2);
  expect(policy.change({ all: 40, leftover: 11, isNewestFull: false, isTakingOn: true })).toBeUndefined();
  expect(policy.change({ all: 40, leftover: 11, isNewestFull: false, isTakingOn: false })).toEqual({
    replace: 1,
  });
});
