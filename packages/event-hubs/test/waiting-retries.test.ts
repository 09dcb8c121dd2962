import type { CloseConsumerOptions, DelayedHandBack, ReceivedMessage } from "@waybill/core/spi";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import {
  ack,
  consume,
  ids,
  messages,
  publish,
  receive,
  topicOf,
  until,
} from "../../../scripts/testing/workbench.ts";
import { MemoryStore } from "../src/groups/memory-checkpoint-store.ts";
import { eventHubs } from "../src/index.ts";
import { EmulatedBench } from "./emulated.ts";

let bench: EmulatedBench;
beforeAll(async () => {
  bench = await EmulatedBench.start();
});
afterEach(() => bench.end());
afterAll(() => bench.emulator.close());

/** What core says when these wait for their next attempt. */
const waiting = (...of: readonly (readonly [ReceivedMessage | undefined, DelayedHandBack])[]) => {
  const delayed = new Map(of.map(([message, how]) => [message as ReceivedMessage, how]));
  return { started: new Set(delayed.keys()), delayed } satisfies CloseConsumerOptions;
};
const nothing = waiting();

const about = (messages: readonly ReceivedMessage[]) =>
  messages.map(({ redeliveries, waitMs = 0 }) => [redeliveries, waitMs > 0]);

it("waiting retries keep their attempt and their wait with another client, until they are settled", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group");
  const sent = messages(5, () => ({ key: "same" }));
  await publish(connection, topicOf(group), sent);
  const first = await consume(connection, group);
  const received = await receive(first, 5);
  await ack(first, received.slice(0, 1));
  await first.close(
    waiting(
      [received[1], { delayMs: 60_000, redeliveries: 2 }],
      [received[3], { delayMs: 0, redeliveries: 1 }],
    ),
  );
  const second = await consume(await bench.connect(), group);
  const again = await receive(second, 4);
  expect(ids(again)).toEqual(ids(sent.slice(1)));
  expect(about(again)).toEqual([
    [2, true],
    [0, false],
    [1, false],
    [0, false],
  ]);
  expect(again[0]?.waitMs).toBeGreaterThan(30_000);
  // What is settled is forgotten, and what lies behind it is still known.
  await ack(second, again.slice(0, 1));
  await second.close(nothing);
  const third = await consume(await bench.connect(), group);
  expect(about(await receive(third, 3))).toEqual([
    [0, false],
    [1, false],
    [0, false],
  ]);
});

it("so do those of a queue of which nothing was settled yet", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(2, () => ({ key: "same" })),
  );
  const first = await consume(connection, queue);
  const [one] = await receive(first, 2);
  await first.close(waiting([one, { delayMs: 60_000, redeliveries: 4 }]));
  const second = await consume(await bench.connect(), queue);
  expect(about(await receive(second, 2))).toEqual([
    [4, true],
    [0, false],
  ]);
});

it("so do those of a partition that moves to a member that joins", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(40, (i) => ({ key: `k${i}` })),
  );
  const held: ReceivedMessage[] = [];
  const first = await consume(connection, queue, {
    revoking: async (partitions) =>
      waiting(
        ...held
          .filter(({ partition }) => partitions.includes(partition as string))
          .map((one) => [one, { delayMs: 60_000, redeliveries: 3 }] as const),
      ),
  });
  held.push(...(await receive(first, 40)));
  const second = await consume(await bench.connect(), queue);
  const [moved] = await receive(second, 1);
  expect(about([moved as ReceivedMessage])).toEqual([[3, true]]);
});

it("notes that are damaged hold nothing up, and are reported", async () => {
  class DamagingStore extends MemoryStore {
    override async listCheckpoints(...of: Parameters<MemoryStore["listCheckpoints"]>) {
      const checkpoints = await super.listCheckpoints(...of);
      return checkpoints.map((one) => (one.notes === undefined ? one : { ...one, notes: `${one.notes},!` }));
    }
  }
  const store = new DamagingStore();
  const connection = await bench.connect({ checkpointStore: store });
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(1, () => ({ key: "same" })),
  );
  const first = await consume(connection, queue);
  const [one] = await receive(first, 1);
  await first.close(waiting([one, { delayMs: 60_000, redeliveries: 4 }]));
  const second = await consume(await bench.connect({ checkpointStore: store }), queue);
  expect(about(await receive(second, 1))).toEqual([[0, false]]);
  await until(() => bench.reports.length > 0);
  expect(String(bench.reports[0])).toContain("damaged");
});

it("it is declared only where the store is known to keep it", () => {
  const options = { namespace: "ns", keyName: "n", key: "aw==" };
  expect(eventHubs({ ...options, checkpoints: "memory:" }).capabilities.handBack?.keepsAttempt).toBe(true);
  expect(eventHubs({ ...options, checkpointStore: new MemoryStore() }).capabilities.handBack).toBeUndefined();
});
