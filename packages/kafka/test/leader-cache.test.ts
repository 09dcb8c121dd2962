import { expect, it, vi } from "vitest";
import { LeaderCache } from "../src/client/leader-cache.ts";

it("knows the leaders of a topic for five minutes, or until one was found to be wrong", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    const cache = new LeaderCache();
    cache.set("orders", [1, 2]);
    cache.set("jobs", [3]);
    vi.advanceTimersByTime(299_000);
    expect(cache.get("orders")).toEqual([1, 2]);
    cache.delete("orders");
    expect(cache.get("orders")).toBe(undefined);
    expect(cache.get("jobs")).toEqual([3]);
    vi.advanceTimersByTime(2_000);
    expect(cache.get("jobs")).toBe(undefined);
  } finally {
    vi.useRealTimers();
  }
});

it("forgets the topic that it has known longest when there are very many", () => {
  const cache = new LeaderCache();
  for (let n = 0; n <= 10_000; n++) cache.set(`topic-${n}`, [n]);
  expect(cache.get("topic-0")).toBe(undefined);
  expect(cache.get("topic-1")).toEqual([1]);
  expect(cache.get("topic-10000")).toEqual([10_000]);
});
