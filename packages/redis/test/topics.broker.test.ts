import { nothingStarted } from "@waybill/core/spi";
import { afterEach, expect, it } from "vitest";
import {
  ack,
  call,
  consume,
  ids,
  message,
  messages,
  publish,
  receive,
  sleep,
  topicOf,
  until,
} from "../../../scripts/testing/workbench.ts";
import { RedisBench } from "./workbench.ts";

const bench = new RedisBench();
afterEach(() => bench.end());

it("trims what every group has settled, and nothing that one of them still needs", async () => {
  const connection = await bench.connect();
  const billing = await bench.made(connection, "group");
  const topic = topicOf(billing);
  const consumer = await consume(connection, billing);
  const length = () => bench.plain.xlen(billing.brokerName);
  for (let i = 0; i < 4; i++) await publish(connection, topic, messages(500));
  const received = await receive(consumer, 2_000);
  const open = received[1_000];
  await ack(
    consumer,
    received.filter((delivery) => delivery !== open),
  );
  // Nothing goes before its two seconds of grace, so this takes a touch after them.
  await sleep(2_200);
  await publish(connection, topic, messages(1));
  await until(async () => (await length()) < 1_200);
  expect(await length()).toBeGreaterThanOrEqual(1_001);
  await ack(consumer, open === undefined ? [] : [open]);
  await until(async () => (await length()) < 300);
});

it("does not let a topic without any group grow for ever", async () => {
  const connection = await bench.connect();
  const topic = await bench.made(connection, "topic");
  for (let i = 0; i < 4; i++) await publish(connection, topic, messages(500));
  await sleep(2_200);
  await publish(connection, topic, messages(1));
  await until(async () => (await bench.plain.xlen(topic.brokerName)) < 300);
});

it("keeps all of a retained topic, also from a client that does not know that it is", async () => {
  const connection = await bench.connect();
  const topic = await bench.made(connection, "topic", { retained: true });
  await publish(connection, topic, messages(500));
  await sleep(2_200);
  await publish(connection, { ...topic, retained: false }, messages(1));
  await sleep(1_300);
  expect(await bench.plain.xlen(topic.brokerName)).toBe(501);
  const replay = await consume(connection, topic, { start: { from: "earliest" } });
  expect(await receive(replay, 501)).toHaveLength(501);
});

it("does not trim under a live reader without a group, and leaves nothing of it behind", async () => {
  const connection = await bench.connect();
  const topic = await bench.made(connection, "topic");
  const reader = await consume(connection, topic);
  for (let i = 0; i < 4; i++) await publish(connection, topic, messages(500));
  await sleep(2_200);
  await publish(connection, topic, messages(1));
  await sleep(1_300);
  expect(await receive(reader, 2_001)).toHaveLength(2_001);
  await reader.close(nothingStarted);
  expect(await bench.plain.keys(`*${topic.brokerName}}*`)).toEqual([]);
});

it("replays from a time and from a position, that one included", async () => {
  const connection = await bench.connect();
  const topic = await bench.made(connection, "topic", { retained: true });
  await publish(connection, topic, messages(3));
  await sleep(20);
  const timestamp = Date.now();
  await sleep(20);
  const later = messages(3);
  await publish(connection, topic, later);
  const byTime = await consume(connection, topic, { start: { from: "time", timestamp } });
  const found = await receive(byTime, 3);
  expect(ids(found)).toEqual(ids(later));
  const position = found[1]?.position ?? "";
  const byPosition = await consume(connection, topic, { start: { from: "position", position } });
  expect(ids(await receive(byPosition, 2))).toEqual(ids(later.slice(1)));
});

it("gives an inbox an end of its own, and takes no reply for one that is gone", async () => {
  const connection = await bench.connect();
  const inbox = bench.address("inbox");
  expect(await connection.publish(inbox, messages(1), call)).toMatchObject([
    { ok: false, cause: { code: "NOT_FOUND" } },
  ]);
  const consumer = await consume(connection, inbox);
  const replies = messages(2);
  await publish(connection, inbox, replies);
  expect(ids(await receive(consumer, 2))).toEqual(ids(replies));
  expect(await bench.plain.pttl(inbox.brokerName)).toBeGreaterThan(0);
  await consumer.close(nothingStarted);
  expect(await bench.plain.exists(inbox.brokerName)).toBe(0);
});

it("refuses what does not exist and makes nothing", async () => {
  const connection = await bench.connect();
  for (const address of [bench.address("topic"), bench.address("queue"), bench.address("group")]) {
    const now = message();
    const later = message({ delayMs: 1_000 });
    const outcomes = await connection.publish(address, [now, later], call);
    expect(outcomes).toMatchObject([{ cause: { code: "NOT_FOUND" } }, { cause: { code: "NOT_FOUND" } }]);
    expect(await bench.plain.keys(`*${address.brokerName}*`)).toEqual([]);
    await expect(consume(connection, address)).rejects.toThrow();
  }
});
