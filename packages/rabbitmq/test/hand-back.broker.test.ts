import { type Consumer, nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import {
  ack,
  call,
  consume,
  ids,
  message,
  messages,
  publish,
  receive,
  take,
  topicOf,
  until,
} from "../../../scripts/testing/workbench.ts";
import { destroySocket } from "../src/client/node-connection.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

const startedOf = (received: readonly ReceivedMessage[], count: number) => new Set(received.slice(0, count));

describe.each(["queue", "group"] as const)("closing a consumer of a %s", (kind) => {
  it("counts what was started, and nothing else, however often, and the broker gives up on none", async () => {
    const connection = await bench.connect();
    const address = await bench.made(connection, kind);
    const sent = messages(400);
    await publish(connection, kind === "group" ? topicOf(address) : address, sent);
    const startedBefore = new Map<string, number>();
    for (let deployment = 0; deployment < 20; deployment++) {
      // A driver of its own: what only a process knows does not help.
      const deployed = await bench.connect({}, bench.driver());
      const consumer = await consume(deployed, address, { prefetch: 1_000 });
      const received = await receive(consumer, 400);
      expect(received).toHaveLength(400);
      for (const { id, redeliveries } of received) expect(redeliveries).toBe(startedBefore.get(id) ?? 0);
      const started = startedOf(received, 3);
      await consumer.close({ started, delayed: new Map() });
      await deployed.close();
      for (const { id } of started) startedBefore.set(id, (startedBefore.get(id) ?? 0) + 1);
    }
    const last = await consume(connection, address, { prefetch: 1_000 });
    expect(ids(await take(last, 400)).sort()).toEqual(ids(sent).sort());
    expect(await take(last, 1, 300)).toEqual([]);
  });
});

it("hands back with nothing started as it was, what is keyed, headed and external too", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const sent = message({
    body: "hello",
    headers: { CC: "copy", "x-death": "mine", plain: "ünï" },
    expiresAt: Date.now() + 60_000,
    correlationId: "c-1",
  });
  await publish(connection, queue, [sent]);
  const channel = await (connection.native as ChannelModel).createConfirmChannel();
  channel.sendToQueue(queue.brokerName, Buffer.from("theirs"), { headers: { n: 7 }, userId: "guest" });
  await channel.waitForConfirms();
  const before = await consume(connection, queue);
  const received = await receive(before, 2);
  await before.close(nothingStarted);
  const after = await consume(connection, queue);
  const again = await take(after, 2);
  for (const [n, delivery] of again.entries()) {
    const fields = received[n] as ReceivedMessage;
    expect(delivery).toMatchObject({
      body: fields.body,
      contentType: fields.contentType,
      expiresAt: fields.expiresAt,
      correlationId: fields.correlationId,
      redeliveries: 0,
    });
    expect({ ...delivery.headers }).toEqual({ ...fields.headers });
  }
  expect(again[0]?.id).toBe(sent.id);
});

it("hands back ahead of what waits", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(500));
  const before = await consume(connection, queue, { prefetch: 10 });
  const held = ids(await receive(before, 10));
  await before.close(nothingStarted);
  const after = await consume(connection, queue, { prefetch: 10 });
  const first = ids(await take(after, 60));
  expect(held.every((id) => first.includes(id))).toBe(true);
});

it("acks all copies' originals, with those in between that were started", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(200));
  const before = await consume(connection, queue, { prefetch: 200 });
  const received = await receive(before, 200);
  await ack(
    before,
    received.filter((_, n) => n % 7 === 0),
  );
  const started = new Set(received.filter((_, n) => n % 7 === 3));
  await before.close({ started, delayed: new Map() });
  const after = await consume(connection, queue, { prefetch: 200 });
  const left = received.filter((_, n) => n % 7 !== 0);
  const again = await take(after, left.length);
  expect(ids(again).sort()).toEqual(ids(left).sort());
  const startedIds = ids([...started]);
  for (const { id, redeliveries } of again) expect(redeliveries).toBe(startedIds.includes(id) ? 1 : 0);
  expect(await take(after, 1, 500)).toEqual([]);
});

describe("what the broker counts and this process does not", () => {
  async function redelivered(consumer: Consumer, count: number): Promise<ReadonlyMap<string, number>> {
    const received = await receive(consumer, count);
    expect(received).toHaveLength(count);
    return new Map(received.map(({ id, redeliveries }) => [id, redeliveries]));
  }

  it.each([false, true])(
    "a lost connection, before core tells what was started (ordered: %s)",
    async (ordered) => {
      const driver = bench.driver();
      const connection = await bench.connect();
      const queue = await bench.made(connection, "queue", { ordered });
      await publish(connection, queue, messages(30));
      for (let loss = 0; loss < 3; loss++) {
        const crashable = await bench.connect({}, driver);
        const consumer = await consume(crashable, queue);
        const received = await receive(consumer, 30);
        const startedEach = received.slice(0, 2);
        expect(received.filter(({ redeliveries }) => redeliveries > 0)).toHaveLength(loss === 0 ? 0 : 2);
        for (const { redeliveries } of received) expect([0, loss]).toContain(redeliveries);
        const lost = bench.lost.length;
        destroySocket(crashable.native as never);
        await until(() => bench.lost.length > lost);
        await crashable.close();
        await consumer.close({ started: new Set(startedEach), delayed: new Map() });
      }
      const next = await consume(await bench.connect({}, driver), queue);
      const counts = await redelivered(next, 30);
      expect([...counts.values()].filter((count) => count === 3)).toHaveLength(2);
      expect([...counts.values()].filter((count) => count === 0)).toHaveLength(28);
    },
  );

  it("a closed consumer of an ordered queue, in order, 25 times", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = messages(100);
    await publish(connection, queue, sent);
    for (let deployment = 0; deployment < 25; deployment++) {
      const consumer = await consume(connection, queue, { prefetch: 100 });
      const received = await receive(consumer, 100);
      expect(ids(received)).toEqual(ids(sent));
      for (const { redeliveries } of received) expect(redeliveries).toBe(0);
      await consumer.close(nothingStarted);
    }
  });
});

it("counts what a process held that died with its connection", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(3));
  const dead = await bench.connect({}, bench.driver());
  await receive(await consume(dead, queue), 3);
  destroySocket(dead.native as never);
  const taken = await receive(await consume(connection, queue), 3);
  expect(taken.map(({ redeliveries }) => redeliveries)).toEqual([1, 1, 1]);
  expect(call.signal.aborted).toBe(false);
});
