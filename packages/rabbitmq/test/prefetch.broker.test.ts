import { nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, expect, it } from "vitest";
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

/** How much processor time one turn of the event loop took at most: unlike its delay, no matter how busy the machine is. */
function watchTurns(): { longestMs(): number } {
  let longest = 0;
  const used = () => {
    const { user, system } = process.threadCpuUsage();
    return user + system;
  };
  let before = used();
  const timer = setInterval(() => {
    const now = used();
    longest = Math.max(longest, now - before);
    before = now;
  }, 1);
  return {
    longestMs() {
      clearInterval(timer);
      return longest / 1_000;
    },
  };
}

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
