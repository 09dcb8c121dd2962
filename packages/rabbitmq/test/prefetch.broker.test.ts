import { nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
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
  sleep,
  take,
  until,
} from "../../../scripts/testing/workbench.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

const large = { body: new Uint8Array(900_000) };

/** How many messages the queue has not given to anybody. */
async function ready({ native }: { readonly native: unknown }, queue: string): Promise<number> {
  const channel = await (native as ChannelModel).createChannel();
  const { messageCount } = await channel.checkQueue(queue);
  await channel.close();
  return messageCount;
}

it("is given only as many large messages as may be held, and lets the loop turn", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  for (let n = 0; n < 400; n += 10)
    await publish(
      connection,
      queue,
      messages(10, () => large),
    );
  const consumer = await consume(connection, queue, { prefetch: 400, prefetchBytes: 64_000_000 });
  const turns = watchTurns();
  const waiting: ReceivedMessage[] = [];
  let most = 0;
  for (let got = 0; got < 400; ) {
    const received = await consumer.receive(200, call);
    expect(received.length).toBeGreaterThan(0);
    got += received.length;
    waiting.push(...received);
    if (got % 20 === 0) await sleep(50);
    most = Math.max(most, 400 - (got - waiting.length) - (await ready(connection, queue.brokerName)));
    if (waiting.length * 0.9 >= 30) await ack(consumer, waiting.splice(0, waiting.length >> 1));
  }
  await ack(consumer, waiting);
  expect(most * 0.9).toBeGreaterThan(20);
  // The last acks may not have been counted yet.
  expect(most * 0.9).toBeLessThan(64 + 20);
  expect(turns.longestMs()).toBeLessThan(100);
});

it("is given all of the prefetch once messages are known to be small, and never more", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(1_000));
  const consumer = await consume(connection, queue, { prefetch: 300 });
  const held = await receive(consumer, 300);
  expect(held).toHaveLength(300);
  expect(await receive(consumer, 1, 300)).toEqual([]);
  expect(await ready(connection, queue.brokerName)).toBe(700);
  await consumer.close(nothingStarted);
  await until(async () => (await ready(connection, queue.brokerName)) === 1_000);
});

it("is given as much as the prefetch that it is set to, and no more once that is less", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const sent = messages(2_000);
  await publish(connection, queue, sent);
  const given = async () => sent.length - (await ready(connection, queue.brokerName));
  const consumer = await consume(connection, queue, { prefetch: 100 });
  const first = await receive(consumer, 100);
  expect(await receive(consumer, 1, 300)).toEqual([]);
  consumer.setPrefetch?.(400);
  const more = await receive(consumer, 300);
  expect(await receive(consumer, 1, 300)).toEqual([]);
  expect(await given()).toBe(400);
  consumer.setPrefetch?.(100);
  await ack(consumer, first);
  await ack(consumer, more);
  const last = await receive(consumer, 100);
  expect(await receive(consumer, 1, 300)).toEqual([]);
  expect(await given()).toBe(500);
  await consumer.close(nothingStarted);
  const next = await consume(connection, queue, { prefetch: 1_000 });
  const rest = await take(next, 1_600);
  expect(rest.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
  expect(ids(rest)).toEqual(expect.arrayContaining(ids(last)));
  expect(ids([...first, ...more, ...rest]).sort()).toEqual(ids(sent).sort());
  expect(await take(next, 1, 300)).toEqual([]);
});

it("settles each message once while its prefetch grows and shrinks", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const sent = messages(20_000);
  for (let n = 0; n < sent.length; n += 1_000) await publish(connection, queue, sent.slice(n, n + 1_000));
  const consumer = await consume(connection, queue, { prefetch: 100 });
  const got: ReceivedMessage[] = [];
  for (let turn = 0; got.length < sent.length; turn++) {
    consumer.setPrefetch?.([100, 200, 400, 800, 1_000, 500, 250, 125][turn % 8] as number);
    got.push(...(await take(consumer, Math.min(700, sent.length - got.length))));
  }
  expect(got.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
  expect(ids(got).sort()).toEqual(ids(sent).sort());
  await consumer.close(nothingStarted);
  expect(await ready(connection, queue.brokerName)).toBe(0);
});

it("hands back what cancelled consumers delivered, too", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(600));
  const consumer = await consume(connection, queue, { prefetch: 100 });
  await receive(consumer, 100);
  consumer.setPrefetch?.(400);
  await receive(consumer, 300);
  consumer.setPrefetch?.(100);
  await consumer.close(nothingStarted);
  const next = await consume(connection, queue, { prefetch: 600 });
  const all = await take(next, 600);
  expect(new Set(ids(all)).size).toBe(600);
  expect(all.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
});

it("keeps to its bytes however far the prefetch grows", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  for (let n = 0; n < 60; n += 10)
    await publish(
      connection,
      queue,
      messages(10, () => large),
    );
  const consumer = await consume(connection, queue, { prefetch: 10, prefetchBytes: 16_000_000 });
  await receive(consumer, 8);
  consumer.setPrefetch?.(1_000);
  await receive(consumer, 60, 1_000);
  expect((60 - (await ready(connection, queue.brokerName))) * 0.9).toBeLessThan(16 + 10);
});

it("goes through sizes that change and settles each message once", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const sent: ReturnType<typeof messages>[number][] = [];
  for (const size of [100, 900_000, 100]) {
    for (let n = 0; n < (size === 100 ? 1_000 : 60); n += 20) {
      const batch = messages(20, () => ({ body: new Uint8Array(size) }));
      sent.push(...batch);
      await publish(connection, queue, batch);
    }
  }
  const consumer = await consume(connection, queue, { prefetch: 500, prefetchBytes: 16_000_000 });
  const got = await take(consumer, sent.length);
  expect(ids(got).sort()).toEqual(ids(sent).sort());
  expect(await take(consumer, 1, 300)).toEqual([]);
  await consumer.close(nothingStarted);
  expect(await ready(connection, queue.brokerName)).toBe(0);
});

it("is given a message that is larger than all it may hold", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(3, () => large),
  );
  const consumer = await consume(connection, queue, { prefetch: 10, prefetchBytes: 1_000 });
  for (let n = 0; n < 3; n++) {
    const received = await receive(consumer, 2, 500);
    expect(received).toHaveLength(1);
    await ack(consumer, received);
  }
});
