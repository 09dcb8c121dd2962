import type { Connection, StartPosition } from "@waybill/core/spi";
import { nothingStarted } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import {
  call,
  consume,
  item,
  message,
  sleep,
  take,
  texts,
  until,
} from "../../../scripts/testing/workbench.ts";
import { queueName } from "../src/naming.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

const bodies = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `${from + n}`);

async function withHistory(ordered = false) {
  const connection = await bench.connect();
  const more = { retained: true, ordered };
  const topic = bench.address("topic", more);
  await bench.ensure(connection, item(topic));
  const timestamp = Date.now() - 10_000;
  const history = bodies(0, 20).map((body, n) =>
    message({ body, timestamp: timestamp + n, key: ordered ? "key" : undefined }),
  );
  await connection.publish(topic, history, call);
  const group = (of: string) => bench.address("group", { ...more, name: topic.name, group: of });
  return { connection, topic, timestamp, group, history };
}

describe("replay", () => {
  const starts: [string, (history: { timestamp: number; position: string }) => StartPosition, number][] = [
    ["earliest", () => ({ from: "earliest" }), 0],
    ["a time", ({ timestamp }) => ({ from: "time", timestamp: timestamp + 7 }), 7],
    ["a position in the stream", ({ position }) => ({ from: "position", position }), 12],
  ];

  it.each(starts)("reads from %s and goes on live", async (_, start, first) => {
    const { connection, topic, timestamp } = await withHistory();
    const whole = await consume(connection, topic, { start: { from: "earliest" } });
    const position = (await take(whole, 20))[12]?.position as string;
    const consumer = await consume(connection, topic, { start: start({ timestamp, position }), prefetch: 5 });
    await connection.publish(topic, [message({ body: "20" })], call);
    expect(texts(await take(consumer, 21 - first))).toEqual(bodies(first, 21));
  });

  it("finds the position of a group's delivery", async () => {
    const { connection, topic, group, history } = await withHistory();
    const billing = group("billing");
    await bench.ensure(connection, item(billing));
    await connection.publish(billing, history, call);
    const consumer = await consume(connection, billing);
    const position = (await take(consumer, 20))[5]?.position as string;
    const replayed = await consume(connection, topic, { start: { from: "position", position } });
    expect(texts(await take(replayed, 15))).toEqual(bodies(5, 20));
  });
});

describe("a new group that starts in the past", () => {
  it.each([false, true])("gets the past once and then the present (ordered: %s)", async (ordered) => {
    const { connection, topic, group } = await withHistory(ordered);
    const billing = group("billing");
    await bench.ensure(connection, item(billing, { from: "earliest" }));
    await connection.publish(
      topic,
      bodies(20, 25).map((body) => message({ body })),
      call,
    );
    // What exists is left alone, whoever asks, and however often.
    await connection.topology.ensure([item(billing, { from: "earliest" })], call);
    const consumer = await consume(connection, billing, { prefetch: 4 });
    const got = await take(consumer, 25);
    const received = texts(got);
    expect(ordered ? received : received.sort((a, b) => Number(a) - Number(b))).toEqual(bodies(0, 25));
    expect(got.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
    expect(await take(consumer, 1, 500)).toEqual([]);
  });

  it("gets all of it where that is more than is on its way at once", async () => {
    const { connection, topic, group } = await withHistory(true);
    const more = bodies(20, 2_000).map((body) => message({ body, key: "key" }));
    for (let from = 0; from < more.length; from += 500)
      await connection.publish(topic, more.slice(from, from + 500), call);
    const billing = group("billing");
    await bench.ensure(connection, item(billing, { from: "earliest" }));
    const consumer = await consume(connection, billing);
    expect(texts(await take(consumer, 2_000))).toEqual(bodies(0, 2_000));
  });

  it("is copied once by two that make it at once", async () => {
    const { connection, group } = await withHistory();
    const other = await bench.connect();
    const billing = group("billing");
    const start = { from: "earliest" } as const;
    await Promise.all([
      bench.ensure(connection, item(billing, start)),
      other.topology.ensure([item(billing, start)], call),
    ]);
    const consumer = await consume(connection, billing);
    expect(texts(await take(consumer, 20))).toEqual(bodies(0, 20));
    expect(await take(consumer, 1, 300)).toEqual([]);
  });

  it("keeps order when members come and go in its past", async () => {
    const { connection, topic, group } = await withHistory(true);
    const billing = group("billing");
    await bench.ensure(connection, item(billing, { from: "earliest" }));
    await connection.publish(
      topic,
      bodies(20, 30).map((body) => message({ body, key: "key" })),
      call,
    );
    const received: string[] = [];
    const first = await consume(connection, billing);
    const second = await consume(connection, billing);
    received.push(...texts(await take(first, 6)));
    await first.close(nothingStarted);
    const third = await consume(connection, billing);
    received.push(...texts(await take(second, 20)));
    await second.close(nothingStarted);
    received.push(...texts(await take(third, 4)));
    expect(received).toEqual(bodies(0, 30));
    // The past's queue is gone, and nobody waits for it.
    await until(async () => !(await queueExists(connection, `${queueName(billing)}..@past`)));
  });

  it("copies what comes while it copies, and loses none of it", async () => {
    const { connection, topic, group } = await withHistory(true);
    const busy = await bench.connect();
    const billing = group("billing");
    let making = true;
    let published = 20;
    const publishing = (async () => {
      while (making) {
        await busy.publish(topic, [message({ body: `${published}`, key: "key" })], call);
        published++;
        await sleep(2);
      }
    })();
    await bench.ensure(connection, item(billing, { from: "earliest" }));
    making = false;
    await publishing;
    const consumer = await consume(connection, billing);
    const got: number[] = [];
    await until(async () => {
      got.push(...texts(await take(consumer, published, 500)).map(Number));
      return new Set(got).size >= published;
    });
    got.push(...texts(await take(consumer, published, 500)).map(Number));
    expect([...new Set(got)].sort((a, b) => a - b)).toEqual(bodies(0, published).map(Number));
    // Part of it may come twice, as a suffix that is repeated; nothing is swapped.
    const repeats = got.findIndex((n, at) => at > 0 && n <= (got[at - 1] as number));
    const parts = repeats < 0 ? [got] : [got.slice(0, repeats), got.slice(repeats)];
    for (const part of parts) expect(part).toEqual([...part].sort((a, b) => a - b));
  });
});

async function queueExists({ native }: Connection, queue: string): Promise<boolean> {
  const channel = await (native as ChannelModel).createChannel();
  channel.on("error", () => undefined);
  return channel.checkQueue(queue).then(
    () => true,
    () => false,
  );
}
