import { type Connection, nothingStarted, type ReceivedMessage, type WireMessage } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import {
  ack,
  consume,
  ids,
  messages,
  publish,
  receive,
  take,
  topicOf,
} from "../../../scripts/testing/workbench.ts";
import { streamName } from "../src/naming.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

const small = 100;
const large = 900_000;

function sized(count: number, bytes: number): readonly WireMessage[] {
  return messages(count, () => ({ body: new Uint8Array(bytes) }));
}

async function publishAll(
  connection: Connection,
  to: Parameters<typeof publish>[1],
  sent: readonly WireMessage[],
) {
  for (let n = 0; n < sent.length; n += 20) await publish(connection, to, sent.slice(n, n + 20));
}

/** How many messages of the queue nobody has been given. */
async function ready({ native }: Connection, queue: string): Promise<number> {
  const channel = await (native as ChannelModel).createChannel();
  const { messageCount } = await channel.checkQueue(queue);
  await channel.close();
  return messageCount;
}

describe("an ordered queue", () => {
  it("gives only as many large messages as may be held, and more once these are settled", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = sized(80, large);
    await publishAll(connection, queue, sent);
    const consumer = await consume(connection, queue, { prefetch: 400, prefetchBytes: 16_000_000 });
    const first = await receive(consumer, 80, 1_500);
    expect((80 - (await ready(connection, queue.brokerName))) * 0.9).toBeLessThan(16 + 1);
    await ack(consumer, first);
    const rest = await take(consumer, 80 - first.length);
    expect(ids([...first, ...rest])).toEqual(ids(sent));
  });

  it("gives all of the prefetch once messages are known to be small, also while the first of them are held", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = sized(2_000, small);
    await publishAll(connection, queue, sent);
    const consumer = await consume(connection, queue, { prefetch: 1_000 });
    const held = await receive(consumer, 1_000);
    expect(ids(held)).toEqual(ids(sent.slice(0, 1_000)));
    expect(await receive(consumer, 1, 300)).toEqual([]);
  });

  it("keeps its order and its one active member while the prefetch follows sizes that change", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = [small, large, small, large, small].flatMap((bytes) =>
      sized(bytes === small ? 600 : 40, bytes),
    );
    const consumer = await consume(connection, queue, { prefetch: 500, prefetchBytes: 16_000_000 });
    const other = await bench.connect();
    const standby = await consume(other, queue, { prefetch: 500, prefetchBytes: 16_000_000 });
    await publishAll(connection, queue, sent);
    const got = await take(consumer, sent.length);
    expect(ids(got)).toEqual(ids(sent));
    expect(got.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
    expect(await receive(standby, 1, 300)).toEqual([]);
  });

  it("hands back in order, to another member too, what a replaced consumer and the one after it were given", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = sized(1_500, small);
    await publishAll(connection, queue, sent);
    const consumer = await consume(connection, queue, { prefetch: 1_000 });
    const held = await receive(consumer, 1_000);
    const other = await bench.connect();
    const next = await consume(other, queue, { prefetch: 1_000 });
    // Some of either consumer, out of order: a key may be quicker than another.
    const done = new Set<ReceivedMessage>([...held.slice(3, 9), ...held.slice(100, 300)]);
    await ack(consumer, [...done]);
    await consumer.close(nothingStarted);
    const rest = await take(next, sent.length - done.size);
    const gone = new Set(ids([...done]));
    expect(ids(rest)).toEqual(ids(sent).filter((id) => !gone.has(id)));
  });
});

describe("a stream", () => {
  it("gives only as many large messages as may be held, each once and in order, whatever their sizes", async () => {
    const connection = await bench.connect();
    const topic = topicOf(await bench.made(connection, "group", { retained: true }));
    const sent = [small, large, small].flatMap((bytes) => sized(bytes === small ? 600 : 60, bytes));
    await publishAll(connection, topic, sent);
    await expect.poll(() => ready(connection, streamName(topic.brokerName))).toBe(sent.length);
    const consumer = await consume(connection, topic, {
      start: { from: "earliest" },
      prefetch: 500,
      prefetchBytes: 16_000_000,
    });
    const got = await take(consumer, sent.length);
    expect(ids(got)).toEqual(ids(sent));
    expect(await take(consumer, 1, 300)).toEqual([]);
    const again = await consume(connection, topic, {
      start: { from: "position", position: got[600]?.position ?? "" },
      prefetch: 500,
      prefetchBytes: 16_000_000,
    });
    let bytes = 0;
    for (const { body } of await receive(again, 660, 1_500)) bytes += body.byteLength;
    expect(bytes).toBeGreaterThan(8_000_000);
    expect(bytes).toBeLessThan(17_000_000);
  });
});

it("a broadcast gives only as many large messages as may be held, in order", async () => {
  const connection = await bench.connect();
  const topic = await bench.made(connection, "topic");
  const consumer = await consume(connection, topic, { prefetch: 400, prefetchBytes: 16_000_000 });
  const sent = sized(60, large);
  await publishAll(connection, topic, sent);
  const held = await receive(consumer, 60, 1_500);
  expect(held.length * 0.9).toBeLessThan(16 + 1);
  await ack(consumer, held);
  expect(ids([...held, ...(await take(consumer, 60 - held.length))])).toEqual(ids(sent));
});
