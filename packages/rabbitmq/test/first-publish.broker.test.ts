import type { Connection } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, expect, it } from "vitest";
import { call, item, messages, publish, topicOf } from "../../../scripts/testing/workbench.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

/** How many channels `work` opens on the connection that declares and looks up: each is a question to the broker. */
async function questions(connection: Connection, work: () => Promise<unknown>): Promise<number> {
  const model = connection.native as ChannelModel;
  const own = model.createChannel;
  let count = 0;
  model.createChannel = () => {
    count++;
    return own.call(model);
  };
  try {
    await work();
  } finally {
    model.createChannel = own;
  }
  return count;
}

it("asks the broker nothing about a topic that this connection has made, alone or with a group", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group");
  const topic = await bench.made(connection, "topic");
  expect(await questions(connection, () => publish(connection, topicOf(group), messages(1)))).toBe(0);
  expect(await questions(connection, () => publish(connection, topic, messages(1)))).toBe(0);
});

it("asks once about a topic that someone else has made, and not at all once it was inspected", async () => {
  const [maker, connection] = [await bench.connect(), await bench.connect()];
  const topics = [await bench.made(maker, "topic"), await bench.made(maker, "topic")] as const;
  expect(await questions(connection, () => publish(connection, topics[0], messages(1)))).toBe(1);
  expect(await questions(connection, () => publish(connection, topics[0], messages(1)))).toBe(0);
  await connection.topology.inspect([topics[1]], call);
  expect(await questions(connection, () => publish(connection, topics[1], messages(1)))).toBe(0);
});

it("asks again about a topic that was removed, and disturbs no other publish by it", async () => {
  const connection = await bench.connect();
  const gone = await bench.made(connection, "topic");
  const queue = await bench.made(connection, "queue");
  await connection.topology.remove([gone], call);
  const [lost, stored] = await Promise.allSettled([
    connection.publish(gone, messages(1), call),
    connection.publish(queue, messages(100), call),
  ]);
  expect(lost).toMatchObject({ status: "rejected", reason: { code: 404 } });
  expect(stored).toMatchObject({ value: expect.not.arrayContaining([{ ok: false }]) });
  await bench.ensure(connection, item(gone));
  await publish(connection, gone, messages(1));
});
