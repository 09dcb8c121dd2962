import { PartitionBuffers } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";
import { EventHubsPartition, type ReceivedEvent } from "../src/receiving/partition.ts";

const maxMessageBytes = 1_000;

/** A partition that is being read, and how many messages the service may send of it. */
function reading(partition = new EventHubsPartition("orders", "0", maxMessageBytes)) {
  let credit = 0;
  partition.attach({ addCredit: (more) => (credit += more), close: () => {} });
  let number = partition.last;
  return {
    partition,
    credit: () => credit,
    arrive: (bytes: number, wanted = true) => {
      credit--;
      partition.accept({ body: Buffer.alloc(bytes) }, ++number, wanted);
    },
  };
}

describe("what the service may send of a partition", () => {
  it("is one message, whatever the bound", () => {
    const { partition, credit } = reading();
    partition.askFor(100, 1);
    expect(credit()).toBe(1);
  });

  it("is reckoned by the largest message there may be, until it is known how large they are", () => {
    const { partition, credit, arrive } = reading();
    partition.askFor(100, 10_000);
    expect(credit()).toBe(10);
    for (let i = 0; i < 10; i++) arrive(10);
    for (let i = 0; i < 20; i++) {
      partition.shift();
      partition.askFor(100, 10_000);
      while (credit() > 50) arrive(10);
    }
    expect(partition.buffered + credit()).toBeGreaterThan(60);
    expect(partition.buffered + credit()).toBeLessThanOrEqual(100);
  });

  it("never comes to more bytes than its share while messages are of one size", () => {
    const { partition, credit, arrive } = reading();
    const share = 9_500;
    for (let round = 0; round < 50; round++) {
      partition.askFor(400, share);
      while (credit() > 0) arrive(900);
      expect(partition.bytes).toBeLessThanOrEqual(share);
      partition.shift();
    }
    expect(partition.buffered).toBeGreaterThan(5);
  });

  it("is nothing more while it is paused or has its share, and goes on afterwards", () => {
    const { partition, credit, arrive } = reading();
    partition.isPaused = true;
    partition.askFor(100, 10_000);
    expect(credit()).toBe(0);
    partition.isPaused = false;
    partition.askFor(4, 10_000);
    while (credit() > 0) arrive(900);
    partition.askFor(4, 10_000);
    expect([credit(), partition.buffered]).toEqual([0, 4]);
    partition.shift();
    partition.askFor(4, 10_000);
    expect(credit()).toBe(1);
  });

  it("is not held up by what is for others, which is not buffered", () => {
    const { partition, credit, arrive } = reading();
    partition.askFor(4, 10_000);
    while (credit() > 0) arrive(10, false);
    expect([partition.bytes, partition.isOutOfCredit, partition.isDone]).toEqual([0, true, true]);
    partition.askFor(4, 10_000);
    expect(credit()).toBe(4);
  });
});

it("a paused partition takes nothing of what the others may buffer", () => {
  const buffers = new PartitionBuffers<ReceivedEvent, EventHubsPartition>({
    prefetch: 100,
    prefetchBytes: 4_000,
  });
  const paused = reading(new EventHubsPartition("orders", "0", maxMessageBytes));
  const open = reading(new EventHubsPartition("orders", "1", maxMessageBytes));
  for (const { partition } of [paused, open]) buffers.add(partition);
  for (let i = 0; i < 10; i++) paused.arrive(900);
  buffers.pausePartitions([paused.partition.id]);
  expect(buffers.withRoom()).toEqual([open.partition]);
  open.partition.askFor(buffers.itemShare, buffers.byteShare);
  expect(open.credit()).toBe(2);
});
