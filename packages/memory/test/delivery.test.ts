import { expect, test } from "vitest";
import { group, message, queue, texts, topic, workbench } from "./workbench.ts";

test("every group gets every message, and the members of one share them", async () => {
  const { ensure, publish, consume } = await workbench();
  await ensure(topic("t"), group("t", "a"), group("t", "b"));
  const a1 = await consume(group("t", "a"));
  const a2 = await consume(group("t", "a"));
  const b = await consume(group("t", "b"));
  const waiting = [a1.receive(), a2.receive(), b.receive()];

  await publish(topic("t"), "1", "2", "3", "4");

  const [first, second, all] = await Promise.all(waiting);
  expect(texts(first ?? [])).toEqual(["1", "2"]);
  expect(texts(second ?? [])).toEqual(["3", "4"]);
  expect(texts(all ?? [])).toEqual(["1", "2", "3", "4"]);
});

test("a queue gives each message to one consumer, in the order in which they came", async () => {
  const { ensure, publish, consume } = await workbench();
  await ensure(queue("q"));
  await publish(queue("q"), "1", "2", "3");
  const one = await consume(queue("q"));
  const two = await consume(queue("q"));
  expect(texts(await one.receive(2))).toEqual(["1", "2"]);
  expect(texts(await two.receive(2))).toEqual(["3"]);
});

test("what was acked does not come again, and the rest comes in its old order", async () => {
  const { ensure, publish, consume, broker } = await workbench();
  await ensure(queue("q"));
  await publish(queue("q"), "1", "2", "3", "4", "5");
  const one = await consume(queue("q"));
  const [, second, , fourth] = await one.receive(4);
  if (second && fourth) expect(await one.ack(fourth, second)).toEqual(["settled", "settled"]);
  await one.close();

  const two = await consume(queue("q"));
  const again = await two.receive();
  expect(texts(again)).toEqual(["1", "3", "5"]);
  expect(again.map((delivery) => delivery.redeliveries)).toEqual([0, 0, 0]);
  await two.ack(...again);
  expect(broker.resources.queues.get("q")?.backlog).toBe(0);
});

test("a message comes back as it was sent, whatever the sender does to its copy", async () => {
  const { ensure, connection, consume } = await workbench();
  await ensure(queue("q"));
  const body = new Uint8Array([0, 255, 128]);
  const headers: Record<string, string> = { __proto__x: "1", ключ: "значение 🚚" };
  const sent = message("", {
    id: "id",
    body,
    headers,
    contentType: "application/x",
    key: "k",
    timestamp: 12,
    replyTo: "r",
    correlationId: "c",
  });
  await connection.publish(queue("q"), [sent], { signal: new AbortController().signal });
  body.fill(1);
  headers.more = "x";

  const [got] = await (await consume(queue("q"))).receive();
  expect([...(got?.body ?? [])]).toEqual([0, 255, 128]);
  expect(Object.getPrototypeOf(got?.headers)).toBe(null);
  expect({ ...got?.headers }).toEqual({ __proto__x: "1", ключ: "значение 🚚" });
  expect(got).toMatchObject({
    id: "id",
    contentType: "application/x",
    key: "k",
    timestamp: 12,
    replyTo: "r",
    correlationId: "c",
    expiresAt: undefined,
    partition: undefined,
    redeliveries: 0,
    position: "0",
  });
});
