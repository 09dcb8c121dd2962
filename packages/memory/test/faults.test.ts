import { MessagingError } from "@waybill/core/spi";
import { expect, test, vi } from "vitest";
import { inbox, message, queue, texts, topic, workbench } from "./workbench.ts";

test("a cut connection says so, and its deliveries are there for others at once, counted", async () => {
  const { ensure, publish, consume, connect, broker, lost } = await workbench();
  await ensure(queue("q"));
  await publish(queue("q"), "1", "2", "3");
  const victim = await consume(queue("q"));
  const [first] = await victim.receive(1);
  await victim.receive(1);
  broker.disconnect();

  expect(lost).toMatchObject([{ code: "CONNECTION_LOST", retryable: true }]);
  const replacement = await consume(queue("q"), { over: await connect() });
  const again = await replacement.poll();
  expect(texts(again)).toEqual(["1", "2", "3"]);
  expect(again.map((delivery) => delivery.redeliveries)).toEqual([1, 1, 0]);
  expect(await victim.settle([{ delivery: first as never, outcome: "ack" }])).toEqual(["lost"]);
});

test("what waits for messages on a cut connection is told, and so is whatever is asked of it later", async () => {
  const { ensure, publish, consume, connection, broker } = await workbench();
  await ensure(queue("q"));
  const victim = await consume(queue("q"));
  const waiting = expect(victim.receive()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  broker.disconnect();
  await waiting;
  await expect(victim.receive()).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  await expect(publish(queue("q"), "x")).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  await expect(consume(queue("q"))).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  await expect(ensure(queue("q"))).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  await connection.close();
});

test("a stopped broker takes no connection, and has all that was confirmed when it starts again", async () => {
  const { ensure, publish, consume, connect, broker } = await workbench();
  await ensure(queue("q"));
  await publish(queue("q"), "kept");
  broker.stop();
  await expect(connect()).rejects.toMatchObject({ code: "UNREACHABLE", retryable: true });
  broker.start();
  expect(texts(await (await consume(queue("q"), { over: await connect() })).poll())).toEqual(["kept"]);
});

test("subscriptions and inboxes end with their connection", async () => {
  const { ensure, publish, consume, connect, connection, broker } = await workbench();
  await ensure(topic("t"));
  await consume(topic("t"));
  await consume(inbox("i"));
  broker.restart();
  const next = await connect();
  const call = { signal: new AbortController().signal };
  const batch = [message("x")];
  expect(await next.publish(topic("t"), batch, call)).toEqual([{ ok: true, unrouted: true }]);
  await expect(next.publish(inbox("i"), batch, call)).rejects.toMatchObject({ code: "NOT_FOUND" });
  await consume(inbox("i"), { over: next });
  expect(await next.publish(inbox("i"), batch, call)).toEqual([{ ok: true }]);
  await connection.close();
  await expect(publish(topic("t"), "x")).rejects.toSatisfy(MessagingError.isInstance);
});

test("a closing consumer hands back what was prefetched, uncounted, and twice is as good as once", async () => {
  const { ensure, publish, consume, connect, connection } = await workbench();
  await ensure(queue("q"));
  await publish(queue("q"), "1", "2");
  const one = await consume(queue("q"));
  await one.receive(1);
  const idle = await consume(queue("q"));
  await idle.receive(1);
  const waiting = one.receive();
  const other = await consume(queue("q"), { over: await connect() });
  const got = other.receive();
  await connection.close();
  await connection.close();
  await one.close();
  expect(await waiting).toEqual([]);
  expect(texts(await got)).toEqual(["1", "2"]);
  expect((await got).map((delivery) => delivery.redeliveries)).toEqual([0, 0]);
  await expect(publish(queue("q"), "x")).rejects.toMatchObject({ code: "CLOSED" });
});

test("an abort during receive takes nothing with it", async () => {
  const { ensure, publish, consume } = await workbench();
  await ensure(queue("q"));
  const consumer = await consume(queue("q"));
  const abort = new AbortController();
  const waiting = consumer.receive(10, abort.signal);
  abort.abort();
  expect(await waiting).toEqual([]);
  await publish(queue("q"), "1");
  expect(await consumer.receive(10, abort.signal)).toEqual([]);
  expect(texts(await consumer.receive())).toEqual(["1"]);
});

test("closing counts what a handler was called with, and nothing else, each on top of what it had", async () => {
  const { ensure, publish, consume } = await workbench();
  await ensure(queue("q"));
  await publish(queue("q"), "retried", "started", "prefetched", "never received");
  const first = await consume(queue("q"));
  const [retried] = await first.receive(1);
  await first.retry(retried);
  const held = await first.receive(3);
  expect(texts(held)).toEqual(["started", "prefetched", "never received"]);
  const [again] = await first.receive(1);
  await first.close(...held.slice(0, 1));

  const second = await consume(queue("q"));
  const handedBack = await second.poll();
  const counted = Object.fromEntries(handedBack.map((each, i) => [texts(handedBack)[i], each.redeliveries]));
  expect(texts(again === undefined ? [] : [again])).toEqual(["retried"]);
  expect(counted).toEqual({ started: 1, prefetched: 0, "never received": 0, retried: 1 });
});

test("closing counts the started message of a key, and what was prefetched behind it keeps its count", async () => {
  const { ensure, publish, consume } = await workbench();
  const ordered = queue("q", { ordered: true });
  await ensure(ordered);
  await publish(ordered, message("1", { key: "a" }), message("2", { key: "a" }), message("3", { key: "b" }));
  const first = await consume(ordered);
  const held = await first.receive();
  expect(held).toHaveLength(3);
  await first.close(...held.slice(0, 1));

  const second = await consume(ordered);
  const again = await second.poll();
  const ofKeyA = again.filter(({ key }) => key === "a");
  expect(texts(ofKeyA)).toEqual(["1", "2"]);
  expect(ofKeyA.map(({ redeliveries }) => redeliveries)).toEqual([1, 0]);
});

test("an observer that throws is told of, and costs neither a publish nor a settlement", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const { ensure, publish, consume, broker } = await workbench();
  await ensure(queue("q"));
  const failure = new Error("as arranged");
  const fail = () => {
    throw failure;
  };
  broker.observe({ published: fail, settled: fail });
  expect(await publish(queue("q"), "1")).toEqual([{ ok: true }]);
  const consumer = await consume(queue("q"));
  expect(await consumer.ack(...(await consumer.receive()))).toEqual(["settled"]);
  expect(warn.mock.calls.map(([, cause]) => cause)).toEqual([failure, failure]);
  warn.mockRestore();
});
