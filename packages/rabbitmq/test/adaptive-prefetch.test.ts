import { expect, it } from "vitest";
import { AdaptivePrefetch, type PrefetchChange } from "../src/receiving/adaptive-prefetch.ts";

const megabyte = 1024 * 1024;

/** The first change while so many messages of this size come and none is settled. */
function changeAfter(prefetch: AdaptivePrefetch, bytes: number, from: number, to: number): PrefetchChange {
  for (let unsettled = from; unsettled <= to; unsettled++) {
    const change = prefetch.arrived(bytes, unsettled);
    if (change !== undefined) return change;
  }
  return undefined;
}

it("begins with few and adds as many as fit once it is short of them", () => {
  const prefetch = new AdaptivePrefetch({ prefetch: 400, prefetchBytes: 64 * megabyte });
  expect(prefetch.first).toBe(16);
  expect(changeAfter(prefetch, 100, 1, 15)).toBeUndefined();
  expect(prefetch.arrived(100, 16)).toEqual({ add: 384 });
});

it("adds no more than fits by size", () => {
  const prefetch = new AdaptivePrefetch({ prefetch: 400, prefetchBytes: 64 * megabyte });
  const change = changeAfter(prefetch, megabyte, 1, 16);
  expect(change).toEqual({ add: 63 - 16 });
});

it("cancels what it added when messages grow, and adds less when there is room again", () => {
  const prefetch = new AdaptivePrefetch({ prefetch: 400, prefetchBytes: 64 * megabyte });
  expect(changeAfter(prefetch, 100, 1, 16)).toEqual({ add: 384 });
  expect(changeAfter(prefetch, megabyte, 17, 400)).toBe("cancel");
  for (let n = 0; n < 100; n++) expect(prefetch.arrived(megabyte, 200)).toBeUndefined();
  const again = prefetch.arrived(megabyte, 10) as { readonly add: number };
  expect(again.add).toBeLessThanOrEqual(64 - 16 - 10);
  expect(again.add).toBeGreaterThan(20);
});

it("never begins with more than the prefetch, nor with none", () => {
  expect(new AdaptivePrefetch({ prefetch: 5, prefetchBytes: 64 * megabyte }).first).toBe(5);
  expect(new AdaptivePrefetch({ prefetch: 5, prefetchBytes: 1 }).first).toBe(1);
});
