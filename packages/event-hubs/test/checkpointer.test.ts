import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { sleep } from "../../../scripts/testing/waiting.ts";
import { Checkpointer } from "../src/groups/checkpointer.ts";
import { MemoryStore } from "../src/groups/memory-checkpoint-store.ts";
import { EventHubsPartition } from "../src/receiving/partition.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

const group = { namespace: "ns", hub: "hub", consumerGroup: "group" };

class Recording extends MemoryStore {
  readonly written: number[] = [];
  under = 0;
  most = 0;
  failing = false;
  override async updateCheckpoint(...[checkpoint]: Parameters<MemoryStore["updateCheckpoint"]>) {
    this.most = Math.max(this.most, ++this.under);
    await sleep(5);
    this.under--;
    if (this.failing) throw new Error("no");
    this.written.push(checkpoint.sequenceNumber);
  }
}

const partition = new EventHubsPartition("hub", "0", 1_000);
const upTo = (sequenceNumber: number) => ({ partition, sequenceNumber, offset: String(sequenceNumber) });

it("writes the first at once, then the latest in each interval, one at a time, and never back", async () => {
  const store = new Recording();
  const checkpointer = new Checkpointer(store, group, 100, () => {});
  for (let n = 0; n < 50; n++) {
    checkpointer.record(upTo(n));
    if (n % 10 === 5) checkpointer.record(upTo(n - 3));
    await pass(10);
  }
  await Promise.all([checkpointer.flush([partition]), pass(20)]);
  expect(store.written[0]).toBe(0);
  expect(store.written.at(-1)).toBe(49);
  expect(store.written).toEqual(store.written.toSorted((a, b) => a - b));
  expect(store.written.length).toBeLessThanOrEqual(7);
  expect(store.most).toBe(1);
});

it("tries again what failed, and says so until it succeeds", async () => {
  const store = new Recording();
  const troubles: unknown[] = [];
  const checkpointer = new Checkpointer(store, group, 0, (cause) => troubles.push(cause));
  store.failing = true;
  expect(checkpointer.record(upTo(1))).toBeUndefined();
  await pass(10);
  expect(troubles).toHaveLength(1);
  expect(checkpointer.record(upTo(2))).toEqual({ cause: new Error("no") });
  store.failing = false;
  await pass(500);
  expect(store.written).toEqual([2]);
  expect(checkpointer.record(upTo(3))).toBeUndefined();
  await Promise.all([checkpointer.flush([partition]), pass(20)]);
  expect(store.written.at(-1)).toBe(3);
});

it("writes nothing for a partition that has gone", async () => {
  const store = new Recording();
  const checkpointer = new Checkpointer(store, group, 50, () => {});
  checkpointer.record(upTo(1));
  await Promise.all([checkpointer.flush([partition]), pass(20)]);
  checkpointer.record(upTo(2));
  checkpointer.forget(partition);
  await pass(120);
  expect(store.written).toEqual([1]);
});
