import { describe, expect, it, vi } from "vitest";
import { PushQueue } from "../src/spi/index.ts";

const never = new AbortController().signal;

describe("PushQueue", () => {
  it("gives what is there, up to what is asked for, in order", async () => {
    const queue = new PushQueue<number>();
    for (const item of [1, 2, 3]) queue.push(item);
    expect(await queue.receive(2, never)).toEqual([1, 2]);
    expect(await queue.receive(2, never)).toEqual([3]);
    expect(queue.size).toBe(0);
  });

  it("waits for the first item, and takes along what comes in the same turn", async () => {
    const queue = new PushQueue<number>();
    const received = queue.receive(2, never);
    queue.push(1);
    queue.push(2);
    queue.push(3);
    expect(await received).toEqual([1, 2]);
    expect(await queue.receive(10, never)).toEqual([3]);
  });

  it("gives nothing when its time is over or the signal fires, and lets go of both", async () => {
    vi.useFakeTimers();
    try {
      const queue = new PushQueue<number>();
      const waiting = queue.receive(1, never, 1_000);
      vi.advanceTimersByTime(1_000);
      expect(await waiting).toEqual([]);
      const abort = new AbortController();
      const aborted = queue.receive(1, abort.signal);
      abort.abort();
      expect(await aborted).toEqual([]);
      expect(await queue.receive(1, abort.signal)).toEqual([]);
      expect(vi.getTimerCount()).toBe(0);
      queue.push(1);
      expect(await queue.receive(1, abort.signal)).toEqual([1]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("that has failed gives what is left, and then rejects", async () => {
    const cause = new Error("gone");
    const queue = new PushQueue<number>();
    queue.push(1);
    queue.fail(cause);
    queue.fail(new Error("again"));
    expect(await queue.receive(1, never)).toEqual([1]);
    await expect(queue.receive(1, never)).rejects.toBe(cause);
    const empty = new PushQueue<number>();
    const waiting = empty.receive(1, never);
    empty.fail(cause);
    await expect(waiting).rejects.toBe(cause);
  });

  it("tells once that it is full, and once that half of it is gone", async () => {
    const told: string[] = [];
    const queue = new PushQueue<number>({
      highWater: 4,
      onFull: () => told.push("full"),
      onDrained: () => told.push("drained"),
    });
    for (const item of [1, 2, 3, 4, 5, 6]) queue.push(item);
    expect(told).toEqual(["full"]);
    await queue.receive(3, never);
    expect(told).toEqual(["full"]);
    await queue.receive(1, never);
    expect(told).toEqual(["full", "drained"]);
    for (const item of [7, 8]) queue.push(item);
    expect(told).toEqual(["full", "drained", "full"]);
  });

  it("gives back what is removed, and keeps the rest in order", async () => {
    const told: string[] = [];
    const queue = new PushQueue<number>({ highWater: 4, onDrained: () => told.push("drained") });
    for (const item of [1, 2, 3, 4, 5]) queue.push(item);
    await queue.receive(1, never);
    expect(queue.remove((item) => item % 2 === 0)).toEqual([2, 4]);
    expect(told).toEqual(["drained"]);
    expect(await queue.receive(10, never)).toEqual([3, 5]);
  });

  it("stays in order through many items", async () => {
    const queue = new PushQueue<number>();
    const seen: number[] = [];
    for (let item = 0; item < 10_000; item++) {
      queue.push(item);
      if (item % 3 === 0) seen.push(...(await queue.receive(2, never)));
    }
    while (queue.size > 0) seen.push(...(await queue.receive(100, never)));
    expect(seen).toEqual(Array.from({ length: 10_000 }, (_, item) => item));
  });
});
