import { describe, expect, it } from "vitest";
import { PartitionBuffer, PartitionBuffers } from "../src/spi/index.ts";

interface Item {
  readonly number: number;
  readonly bytes: number;
}

type Buffers = PartitionBuffers<Item, PartitionBuffer<Item>>;

const never = new AbortController().signal;
const plenty = 1_000_000;

const buffersOf = (prefetch: number, prefetchBytes = plenty): Buffers =>
  new PartitionBuffers({ prefetch, prefetchBytes });

function filled(buffers: Buffers, id: string, count: number, bytes = 1): PartitionBuffer<Item> {
  const buffer = new PartitionBuffer<Item>(id);
  buffers.add(buffer);
  for (let number = 0; number < count; number++) buffer.push({ number, bytes });
  if (count > 0) buffers.arrived(buffer);
  return buffer;
}

const receive = (buffers: Buffers, max: number, signal = never, waitMs?: number) =>
  buffers.receive(max, signal, ({ id }, { number }) => ({ id, number }), waitMs);

const idsWithRoom = (buffers: Buffers) => buffers.withRoom().map(({ id }) => id);

describe("receiving", () => {
  it("takes from all partitions in turn, each in order", async () => {
    const buffers = buffersOf(100);
    filled(buffers, "a", 100);
    filled(buffers, "b", 3);
    const first = await receive(buffers, 10);
    expect(first.filter(({ id }) => id === "b").length).toBe(3);
    expect(first.filter(({ id }) => id === "a").map(({ number }) => number)).toEqual(
      [0, 1, 2, 3, 4, 5, 6].slice(0, first.length - 3),
    );
  });

  it("waits for what comes, for the time or for the signal", async () => {
    const buffers = buffersOf(100);
    expect(await receive(buffers, 1, never, 20)).toEqual([]);
    expect(await receive(buffers, 1, AbortSignal.abort(), 5_000)).toEqual([]);
    const waiting = receive(buffers, 5);
    filled(buffers, "a", 2);
    expect((await waiting).length).toBe(2);
  });

  it("leaves out what is paused or closing, and everything while it is suspended", async () => {
    const buffers = buffersOf(100);
    filled(buffers, "a", 2);
    const closing = filled(buffers, "b", 2);
    buffers.pausePartitions(["a"]);
    closing.stop("closing");
    expect(await receive(buffers, 9, never, 20)).toEqual([]);
    const waiting = receive(buffers, 1);
    buffers.pausePartitions([]);
    expect((await waiting).length).toBe(1);
    buffers.suspend(true);
    expect(await receive(buffers, 9, never, 20)).toEqual([]);
    const suspended = receive(buffers, 9);
    buffers.suspend(false);
    expect((await suspended).length).toBe(1);
  });

  it("gives what is left before it fails", async () => {
    const buffers = buffersOf(100);
    filled(buffers, "a", 1);
    buffers.fail(new Error("gone"));
    expect((await receive(buffers, 5)).length).toBe(1);
    await expect(receive(buffers, 5)).rejects.toThrow("gone");
  });
});

it("fetches as many ahead as the prefetch that is set anew, at once where that is more", () => {
  const buffers = buffersOf(10);
  filled(buffers, "a", 5);
  filled(buffers, "b", 5);
  let asked = 0;
  buffers.onRoom = () => void asked++;
  expect(idsWithRoom(buffers)).toEqual([]);
  buffers.setPrefetch(40);
  expect(asked).toBe(1);
  expect(idsWithRoom(buffers)).toEqual(["a", "b"]);
  expect(buffers.itemShare).toBe(20);
  buffers.setPrefetch(10);
  expect(asked).toBe(1);
  expect(idsWithRoom(buffers)).toEqual([]);
});

describe("the room of a partition", () => {
  it("is its share of the prefetch, whatever the others have", () => {
    const buffers = buffersOf(20);
    const full = filled(buffers, "full", 10);
    filled(buffers, "low", 9);
    expect(idsWithRoom(buffers)).toEqual(["low"]);
    expect(buffers.someFull).toBe(true);
    full.shift();
    expect(idsWithRoom(buffers)).toEqual(["full", "low"]);
  });

  it("is bounded in bytes, and one message always fits", () => {
    const buffers = buffersOf(400, 1_000);
    filled(buffers, "a", 1, 600);
    filled(buffers, "b", 0);
    expect(buffers.byteShare).toBe(500);
    expect(idsWithRoom(buffers), "one message above its share is all it may have").toEqual(["b"]);
    const huge = buffersOf(400, 1_000);
    filled(huge, "a", 0);
    expect(idsWithRoom(huge)).toEqual(["a"]);
    filled(huge, "b", 1, 5_000);
    expect(idsWithRoom(huge), "the budget of all is used up").toEqual([]);
  });

  it("is not used up by partitions that are paused", () => {
    const buffers = buffersOf(400, 1_000);
    filled(buffers, "paused", 1, 5_000);
    filled(buffers, "b", 0);
    buffers.pausePartitions(["paused"]);
    expect(idsWithRoom(buffers)).toEqual(["b"]);
  });

  it("grows when a partition goes, and whoever fetches is told", () => {
    const buffers = buffersOf(20);
    const going = filled(buffers, "going", 0);
    filled(buffers, "full", 10);
    let told = 0;
    buffers.onRoom = () => told++;
    buffers.delete(going);
    expect(told).toBe(1);
    expect(idsWithRoom(buffers)).toEqual(["full"]);
  });

  it("is filled and emptied in order, however much comes at once", () => {
    const buffers = buffersOf(20_000);
    const buffer = filled(buffers, "a", 0);
    for (let round = 0; round < 3; round++) {
      for (let number = 0; number < 3_000; number++) buffer.push({ number, bytes: 2 });
      for (let number = 0; number < 3_000; number++) expect(buffer.shift()?.number).toBe(number);
      expect([buffer.buffered, buffer.bytes, buffer.shift()]).toEqual([0, 0, undefined]);
    }
  });

  it("counts what is buffered, and nothing after the partition is gone", () => {
    const buffers = buffersOf(20);
    const buffer = filled(buffers, "a", 3, 7);
    expect([buffer.buffered, buffer.bytes]).toEqual([3, 21]);
    buffer.shift();
    expect([buffer.buffered, buffer.bytes]).toEqual([2, 14]);
    buffer.stop("gone");
    expect([buffer.buffered, buffer.bytes, buffer.isAlive, buffer.isOpen]).toEqual([0, 0, false, false]);
  });
});
