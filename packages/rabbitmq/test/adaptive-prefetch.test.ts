import { describe, expect, it } from "vitest";
import { AdaptivePrefetch } from "../src/receiving/adaptive-prefetch.ts";
import type { PrefetchChange } from "../src/receiving/prefetch-limits.ts";

const megabyte = 1024 * 1024;

/** The change when a message comes. */
function arrived(prefetch: AdaptivePrefetch, bytes: number, all: number, leftover = 0): PrefetchChange {
  prefetch.arrived(bytes);
  return prefetch.change({ all, leftover, isNewestFull: false, isTakingOn: false });
}

/** The first change while so many messages of this size come and none is settled. */
function changeAfter(prefetch: AdaptivePrefetch, bytes: number, from: number, to: number): PrefetchChange {
  for (let unsettled = from; unsettled <= to; unsettled++) {
    const change = arrived(prefetch, bytes, unsettled);
    if (change !== undefined) return change;
  }
  return undefined;
}

it("begins with few and adds as many as fit once it is short of them", () => {
  const prefetch = new AdaptivePrefetch({ prefetch: 400, prefetchBytes: 64 * megabyte });
  expect(prefetch.first).toBe(16);
  expect(changeAfter(prefetch, 100, 1, 15)).toBeUndefined();
  expect(arrived(prefetch, 100, 16)).toEqual({ add: 384 });
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
  for (let n = 0; n < 100; n++) expect(arrived(prefetch, megabyte, 200, 200)).toBeUndefined();
  const again = arrived(prefetch, megabyte, 10, 10) as { readonly add: number };
  expect(again.add).toBeLessThanOrEqual(64 - 16 - 10);
  expect(again.add).toBeGreaterThan(20);
});

it("never begins with more than the prefetch, nor with none", () => {
  expect(new AdaptivePrefetch({ prefetch: 5, prefetchBytes: 64 * megabyte }).first).toBe(5);
  expect(new AdaptivePrefetch({ prefetch: 5, prefetchBytes: 1 }).first).toBe(1);
});

describe("a prefetch that is set anew", () => {
  function opened(prefetchBytes = 64 * megabyte): AdaptivePrefetch {
    const prefetch = new AdaptivePrefetch({ prefetch: 100, prefetchBytes });
    expect(changeAfter(prefetch, 100, 1, 16)).toEqual({ add: 84 });
    return prefetch;
  }

  it("adds what is missing, at once", () => {
    const prefetch = opened();
    prefetch.setPrefetch(200);
    expect(prefetch.change({ all: 3, leftover: 0, isNewestFull: false, isTakingOn: false })).toEqual({
      add: 100,
    });
    expect(
      prefetch.change({ all: 200, leftover: 0, isNewestFull: false, isTakingOn: false }),
    ).toBeUndefined();
    prefetch.setPrefetch(400);
    expect(prefetch.change({ all: 200, leftover: 0, isNewestFull: false, isTakingOn: false })).toEqual({
      add: 200,
    });
  });

  it("cancels the newest until no more than that is left, once nothing is on its way to them", () => {
    const prefetch = opened();
    for (const size of [200, 400, 800]) {
      prefetch.setPrefetch(size);
      prefetch.change({ all: size / 2, leftover: 0, isNewestFull: false, isTakingOn: false });
    }
    prefetch.setPrefetch(200);
    expect(
      prefetch.change({ all: 790, leftover: 0, isNewestFull: false, isTakingOn: false }),
    ).toBeUndefined();
    expect(prefetch.change({ all: 790, leftover: 0, isNewestFull: true, isTakingOn: false })).toBe("cancel");
    expect(prefetch.change({ all: 790, leftover: 400, isNewestFull: true, isTakingOn: false })).toBe(
      "cancel",
    );
    expect(
      prefetch.change({ all: 800, leftover: 600, isNewestFull: false, isTakingOn: false }),
    ).toBeUndefined();
    prefetch.setPrefetch(100);
    expect(prefetch.change({ all: 200, leftover: 0, isNewestFull: true, isTakingOn: false })).toBe("cancel");
  });

  it("adds no more than what a cancelled one delivered leaves room for", () => {
    const prefetch = opened();
    prefetch.setPrefetch(400);
    expect(prefetch.change({ all: 100, leftover: 0, isNewestFull: false, isTakingOn: false })).toEqual({
      add: 300,
    });
    prefetch.setPrefetch(100);
    expect(prefetch.change({ all: 400, leftover: 0, isNewestFull: true, isTakingOn: false })).toBe("cancel");
    prefetch.setPrefetch(400);
    expect(
      prefetch.change({ all: 400, leftover: 300, isNewestFull: false, isTakingOn: false }),
    ).toBeUndefined();
    expect(prefetch.change({ all: 400, leftover: 100, isNewestFull: false, isTakingOn: false })).toEqual({
      add: 200,
    });
  });

  it("lets in no more than fits by size, and that once it fits", () => {
    const prefetch = opened();
    prefetch.setPrefetch(1_000);
    for (let n = 0; n < 50; n++) prefetch.arrived(megabyte / 2);
    expect(
      prefetch.change({ all: 100, leftover: 0, isNewestFull: false, isTakingOn: false }),
    ).toBeUndefined();
    for (let n = 0; n < 100; n++) prefetch.arrived(100);
    expect(prefetch.change({ all: 3, leftover: 0, isNewestFull: false, isTakingOn: false })).toEqual({
      add: 900,
    });
    expect(changeAfter(prefetch, megabyte, 900, 1_000)).toBe("cancel");
  });
});
