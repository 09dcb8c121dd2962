import { describe, expect, it } from "vitest";
import type { IncomingRecord } from "../src/client.ts";
import { Lane } from "../src/fetching/lane.ts";
import { Lanes } from "../src/fetching/lanes.ts";

const never = new AbortController().signal;

const record = (offset: number): IncomingRecord => ({
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: () => [],
  rawHeaders: () => [],
});

function filled(lanes: Lanes, partition: number, count: number): Lane {
  const lane = new Lane("t", partition, 0);
  lanes.add(lane);
  lane.append(
    Array.from({ length: count }, (_, i) => record(i)),
    count,
  );
  lanes.filled();
  return lane;
}

describe("receiving", () => {
  it("takes from all lanes in turn, each in order", async () => {
    const lanes = new Lanes(100);
    filled(lanes, 0, 100);
    filled(lanes, 1, 3);
    const first = await lanes.receive(10, never);
    expect(first.filter(({ partition }) => partition === "t-1").length).toBe(3);
    expect(first.filter(({ partition }) => partition === "t-0").map(({ offset }) => offset)).toEqual(
      [0, 1, 2, 3, 4, 5, 6].slice(0, first.length - 3),
    );
  });

  it("waits for what comes, for the time or for the signal", async () => {
    const lanes = new Lanes(100);
    expect(await lanes.receive(1, never, 20)).toEqual([]);
    expect(await lanes.receive(1, AbortSignal.abort(), 5_000)).toEqual([]);
    const waiting = lanes.receive(5, never, 5_000);
    filled(lanes, 0, 2);
    expect((await waiting).length).toBe(2);
  });

  it("leaves out what is held back or going", async () => {
    const lanes = new Lanes(100);
    filled(lanes, 0, 2);
    const going = filled(lanes, 1, 2);
    lanes.hold(["t-0"]);
    going.stop("closing");
    expect(await lanes.receive(9, never, 20)).toEqual([]);
    const waiting = lanes.receive(9, never, 5_000);
    lanes.hold([]);
    expect((await waiting).length).toBe(2);
  });

  it("gives what is left before it fails", async () => {
    const lanes = new Lanes(100);
    filled(lanes, 0, 1);
    lanes.fail(new Error("gone"));
    expect((await lanes.receive(5, never)).length).toBe(1);
    await expect(lanes.receive(5, never)).rejects.toThrow("gone");
  });
});

describe("what is to be fetched", () => {
  it("is what runs low, and what may be read now", () => {
    const lanes = new Lanes(20);
    filled(lanes, 0, 10);
    const low = filled(lanes, 1, 9);
    const failed = filled(lanes, 2, 0);
    failed.retryAt = Date.now() + 1_000;
    lanes.hold(["t-0"]);
    expect(lanes.hungry(Date.now())).toEqual([]);
    low.shift();
    low.shift();
    low.shift();
    low.shift();
    expect(lanes.hungry(Date.now())).toEqual([low]);
    low.fetching = true;
    expect(lanes.hungry(Date.now())).toEqual([]);
  });
});
