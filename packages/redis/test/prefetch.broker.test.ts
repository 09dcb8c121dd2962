import { nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import { afterEach, expect, it } from "vitest";
import { watchTurns } from "../../../scripts/testing/watch-turns.ts";
import {
  ack,
  call,
  consume,
  ids,
  messages,
  publish,
  receive,
  take,
  topicOf,
} from "../../../scripts/testing/workbench.ts";
import { RedisBench } from "./workbench.ts";

const bench = new RedisBench();
afterEach(() => bench.end());

const megabyte = 1_000_000;
const large = { body: new Uint8Array(900_000) };

it.each([
  { kind: "queue", ordered: false },
  { kind: "queue", ordered: true },
  { kind: "group", ordered: false },
] as const)(
  "takes large messages a few megabytes at a time and lets the loop turn ($kind, ordered: $ordered)",
  async ({ kind, ordered }) => {
    const connection = await bench.connect();
    const address = await bench.made(connection, kind, { ordered });
    const to = kind === "group" ? topicOf(address) : address;
    for (let n = 0; n < 400; n += 10)
      await publish(
        connection,
        to,
        messages(10, () => large),
      );
    const consumer = await consume(connection, address, { prefetch: 400, prefetchBytes: 32 * megabyte });
    const turns = watchTurns();
    const waiting: ReceivedMessage[] = [];
    let most = 0;
    for (let got = 0; got < 400; ) {
      // As core does: it asks while it holds less than the bound, and settles half of it then.
      const received = await consumer.receive(200, call);
      expect(received.length).toBeGreaterThan(0);
      got += received.length;
      waiting.push(...received);
      most = Math.max(most, received.length);
      const [pending] = (await bench.plain.xpending(address.brokerName, bench.groupOf(address))) as [number];
      expect(pending * 0.9).toBeLessThan(32 + 10);
      if (waiting.length * 0.9 >= 32) await ack(consumer, waiting.splice(0, waiting.length >> 1));
    }
    await ack(consumer, waiting);
    expect(most).toBeLessThanOrEqual(10);
    expect(turns.longestMs()).toBeLessThan(100);
  },
);

it("takes a message that is larger than all it may hold", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(3, () => large),
  );
  const consumer = await consume(connection, queue, { prefetch: 10, prefetchBytes: 1_000 });
  for (let n = 0; n < 3; n++) {
    const received = await consumer.receive(10, call);
    expect(received).toHaveLength(1);
    await ack(consumer, received);
  }
});

it("asks for many again once messages are small again", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(5, () => large),
  );
  await publish(connection, queue, messages(2_000));
  const consumer = await consume(connection, queue, { prefetch: 1_000 });
  let most = 0;
  for (let got = 0; got < 2_005; ) {
    const received = await consumer.receive(500, call);
    got += received.length;
    most = Math.max(most, received.length);
    await ack(consumer, received);
  }
  expect(most).toBeGreaterThan(250);
});

it("reads ahead no further than the prefetch, whatever it was asked for", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(500));
  const consumer = await consume(connection, queue, { prefetch: 40 });
  for (let held: readonly ReceivedMessage[] = []; ; ) {
    const received = await receive(consumer, 1, 500);
    held = [...held, ...received];
    const [pending] = (await bench.plain.xpending(queue.brokerName, "workers")) as [number];
    expect(pending).toBeLessThanOrEqual(40);
    if (held.length === 40) break;
    expect(received).toHaveLength(1);
  }
  await consumer.close(nothingStarted);
});

it("reads ahead as far as the prefetch that it is set to, and no further once that is less", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const sent = messages(1_000);
  await publish(connection, queue, sent);
  const consumer = await consume(connection, queue, { prefetch: 100 });
  const got: ReceivedMessage[] = [];
  let held: ReceivedMessage[] = [];
  const pending = async () => ((await bench.plain.xpending(queue.brokerName, "workers")) as [number])[0];
  /** Takes one after the other until so many are held, and tells the most that was fetched at any time. */
  const hold = async (count: number) => {
    let most = 0;
    while (held.length < count) {
      const received = await receive(consumer, 1, 500);
      expect(received).toHaveLength(1);
      held.push(...received);
      got.push(...received);
      most = Math.max(most, await pending());
    }
    return most;
  };
  expect(await hold(60)).toBeLessThanOrEqual(100);
  consumer.setPrefetch?.(400);
  const most = await hold(120);
  expect(most).toBeGreaterThan(300);
  expect(most).toBeLessThanOrEqual(400);
  consumer.setPrefetch?.(100);
  await hold(await pending());
  await ack(consumer, held.splice(0, held.length - 80));
  expect(await hold(100)).toBeLessThanOrEqual(100);
  await ack(consumer, held);
  held = [];
  expect(await hold(50)).toBeLessThanOrEqual(100);
  await ack(consumer, held);
  await consumer.close(nothingStarted);
  const next = await consume(connection, queue, { prefetch: 1_000 });
  const rest = await take(next, sent.length - got.length);
  expect(rest.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
  expect(ids([...got, ...rest]).sort()).toEqual(ids(sent).sort());
  expect(await receive(next, 1, 300)).toEqual([]);
});

it("does not hand out what waited in it for longer than its lease", async () => {
  const connection = await bench.connect({ leaseMs: 1_500 });
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(100));
  const idle = await consume(connection, queue);
  await receive(idle, 20);
  const other = await consume(connection, queue);
  const taken = await receive(other, 100);
  expect(new Set(taken.map(({ id }) => id)).size).toBe(100);
  await ack(other, taken);
  const stale = await receive(idle, 1, 2_500);
  expect(stale).toEqual([]);
});
