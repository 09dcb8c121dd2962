import type { Connection, StartPosition } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import { queueName } from "../src/naming.ts";
import {
  address,
  call,
  consumerHooks,
  item,
  message,
  receive,
  sleep,
  source,
  Tidy,
  textOf,
  uniqueName,
} from "./support.ts";

const tidy = new Tidy();
afterEach(() => tidy.up());

const bodies = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => `${from + n}`);

async function withHistory(ordered = false) {
  const { connection } = await tidy.open();
  const name = uniqueName();
  const more = { retained: true, ordered };
  const topic = address("topic", name, more);
  await tidy.made(connection, item(topic));
  const timestamp = Date.now() - 10_000;
  const history = bodies(0, 20).map((body, n) =>
    message(body, { timestamp: timestamp + n, key: ordered ? "key" : undefined }),
  );
  await connection.publish(topic, history, call);
  const group = (of: string) => address("group", name, { ...more, group: of, physicalGroup: of });
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
    const whole = await connection.consume(
      source(topic, { start: { from: "earliest" } }),
      consumerHooks,
      call,
    );
    const position = (await receive(whole, 20))[12]?.position as string;
    const consumer = await connection.consume(
      source(topic, { start: start({ timestamp, position }), prefetch: 5 }),
      consumerHooks,
      call,
    );
    await connection.publish(topic, [message("20")], call);
    expect((await receive(consumer, 21 - first)).map(textOf)).toEqual(bodies(first, 21));
  });

  it("finds the position of a group's delivery", async () => {
    const { connection, topic, group, history } = await withHistory();
    const billing = group("billing");
    await tidy.made(connection, item(billing));
    await connection.publish(billing, history, call);
    const consumer = await connection.consume(source(billing), consumerHooks, call);
    const position = (await receive(consumer, 20))[5]?.position as string;
    const replayed = await connection.consume(
      source(topic, { start: { from: "position", position } }),
      consumerHooks,
      call,
    );
    expect((await receive(replayed, 15)).map(textOf)).toEqual(bodies(5, 20));
  });
});

describe("a new group that starts in the past", () => {
  it.each([false, true])("gets the past once and then the present (ordered: %s)", async (ordered) => {
    const { connection, topic, group } = await withHistory(ordered);
    const billing = group("billing");
    await tidy.made(connection, item(billing, { from: "earliest" }));
    await connection.publish(
      topic,
      bodies(20, 25).map((body) => message(body)),
      call,
    );
    // What exists is left alone, whoever asks, and however often.
    await connection.topology.ensure([item(billing, { from: "earliest" })], call);
    const consumer = await connection.consume(source(billing, { prefetch: 4 }), consumerHooks, call);
    const got = await receive(consumer, 25);
    const texts = got.map(textOf);
    expect(ordered ? texts : texts.sort((a, b) => Number(a) - Number(b))).toEqual(bodies(0, 25));
    expect(got.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
    expect(await receive(consumer, 1, { withinMs: 500 })).toEqual([]);
  });

  it("is copied once by two that make it at once", async () => {
    const { connection, group } = await withHistory();
    const { connection: other } = await tidy.open();
    const billing = group("billing");
    const start = { from: "earliest" } as const;
    await Promise.all([
      tidy.made(connection, item(billing, start)),
      other.topology.ensure([item(billing, start)], call),
    ]);
    const consumer = await connection.consume(source(billing), consumerHooks, call);
    expect((await receive(consumer, 20)).map(textOf)).toEqual(bodies(0, 20));
    expect(await receive(consumer, 1, { withinMs: 300 })).toEqual([]);
  });

  it("keeps order when members come and go in its past", async () => {
    const { connection, topic, group } = await withHistory(true);
    const billing = group("billing");
    await tidy.made(connection, item(billing, { from: "earliest" }));
    await connection.publish(
      topic,
      bodies(20, 30).map((body) => message(body, { key: "key" })),
      call,
    );
    const texts: string[] = [];
    const first = await connection.consume(source(billing), consumerHooks, call);
    const second = await connection.consume(source(billing), consumerHooks, call);
    texts.push(...(await receive(first, 6)).map(textOf));
    await first.close();
    const third = await connection.consume(source(billing), consumerHooks, call);
    texts.push(...(await receive(second, 20)).map(textOf));
    await second.close();
    texts.push(...(await receive(third, 4)).map(textOf));
    expect(texts).toEqual(bodies(0, 30));
    // The past's queue is gone, and nobody waits for it.
    await expect.poll(() => queueExists(connection, `${queueName(billing)}..@past`)).toBe(false);
  });

  it("copies what comes while it copies, and loses none of it", async () => {
    const { connection, topic, group } = await withHistory(true);
    const { connection: busy } = await tidy.open();
    const billing = group("billing");
    let making = true;
    let published = 20;
    const publishing = (async () => {
      while (making) {
        await busy.publish(topic, [message(`${published}`, { key: "key" })], call);
        published++;
        await sleep(2);
      }
    })();
    await tidy.made(connection, item(billing, { from: "earliest" }));
    making = false;
    await publishing;
    const consumer = await connection.consume(source(billing), consumerHooks, call);
    const got = (await receive(consumer, published * 2, { withinMs: 3_000 })).map(textOf).map(Number);
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
