import { nothingStarted } from "@waybill/core/spi";
import { afterEach, expect, it } from "vitest";
import {
  ack,
  besides,
  call,
  consume,
  ids,
  item,
  message,
  messages,
  publish,
  receive,
  retry,
  topicOf,
  until,
} from "../../../scripts/testing/workbench.ts";
import { RedisBench } from "./workbench.ts";

const bench = new RedisBench();
afterEach(() => bench.end());

it("leaves nothing of an acked message on a queue", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(50));
  const consumer = await consume(connection, queue);
  expect(await ack(consumer, await receive(consumer, 50))).toEqual(new Array(50).fill("settled"));
  expect(await bench.plain.xlen(queue.brokerName)).toBe(0);
});

it("keeps an entry of a topic that another group still needs", async () => {
  const connection = await bench.connect();
  const billing = await bench.made(connection, "group");
  const audit = besides(billing, "audit");
  await bench.ensure(connection, item(audit));
  await publish(connection, topicOf(billing), messages(3));
  const consumer = await consume(connection, billing);
  await ack(consumer, await receive(consumer, 3));
  const later = await consume(connection, audit);
  expect(await receive(later, 3)).toHaveLength(3);
});

it("brings a retried message back to its own group alone, counted, not before its delay", async () => {
  const connection = await bench.connect();
  const billing = await bench.made(connection, "group");
  const audit = besides(billing, "audit");
  await bench.ensure(connection, item(audit));
  await publish(connection, topicOf(billing), [message({ headers: { tenant: "acme" } })]);
  const consumer = await consume(connection, billing);
  const other = await consume(connection, audit);
  const first = await receive(consumer, 1);
  const started = performance.now();
  await retry(consumer, first, 300);
  const again = await receive(consumer, 1);
  const tookMs = performance.now() - started;
  expect(tookMs).toBeGreaterThan(295);
  expect(tookMs).toBeLessThan(5_000);
  expect(again[0]).toMatchObject({ id: first[0]?.id, redeliveries: 1, headers: { tenant: "acme" } });
  expect(again[0]?.position).toBe(first[0]?.position);
  await retry(consumer, again, 0);
  expect(await receive(consumer, 1)).toMatchObject([{ redeliveries: 2 }]);
  expect(await receive(other, 2, 1_000)).toHaveLength(1);
});

it("keeps messages apart that are equal to the byte and wait together", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const twin = message({ id: "twin", timestamp: 1, body: Buffer.from("same"), delayMs: 100 });
  await publish(connection, queue, [twin, twin]);
  await publish(connection, queue, [twin]);
  const consumer = await consume(connection, queue);
  expect(ids(await receive(consumer, 3))).toEqual(["twin", "twin", "twin"]);
});

it("hands back on close at once, uncounted, and in a name that is gone from the group", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(20));
  const leaving = await consume(connection, queue);
  const staying = await consume(connection, queue);
  expect(await receive(leaving, 20)).toHaveLength(20);
  const waiting = receive(staying, 20);
  const started = performance.now();
  await leaving.close(nothingStarted);
  const received = await waiting;
  // Long before the lease is over.
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(received.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
  const names = (await bench.plain.xinfo("CONSUMERS", queue.brokerName, "workers")) as unknown[];
  expect(names.length).toBeLessThan(2);
});

it.each([
  { kind: "queue", ordered: false },
  { kind: "group", ordered: false },
  { kind: "queue", ordered: true },
] as const)(
  "counts on close what was started, and nothing else, however often ($kind, ordered: $ordered)",
  async ({ kind, ordered }) => {
    const connection = await bench.connect();
    const address = await bench.made(connection, kind, { ordered });
    const sent = messages(300);
    await publish(connection, kind === "group" ? topicOf(address) : address, sent);
    const startedBefore = new Map<string, number>();
    for (let deployment = 0; deployment < 20; deployment++) {
      const consumer = await consume(connection, address, { prefetch: 1_000 });
      const received = await receive(consumer, 300);
      expect(received).toHaveLength(300);
      for (const { id, redeliveries } of received) expect(redeliveries).toBe(startedBefore.get(id) ?? 0);
      const started = new Set(received.slice(0, 3));
      await consumer.close({ started, delayed: new Map() });
      for (const { id } of started) startedBefore.set(id, (startedBefore.get(id) ?? 0) + 1);
    }
    expect(startedBefore.size).toBeGreaterThan(0);
  },
);

it("hands back uncounted what was fetched and never received", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(100));
  for (let deployment = 0; deployment < 3; deployment++) {
    const consumer = await consume(connection, queue);
    await receive(consumer, 1);
    await consumer.close(nothingStarted);
  }
  const last = await consume(connection, queue);
  const received = await receive(last, 100);
  expect(received.map(({ redeliveries }) => redeliveries)).toEqual(new Array(100).fill(0));
});

it("gives a message whose lease ran out to another member, and the late settle acks nothing", async () => {
  const connection = await bench.connect({ leaseMs: 1_500 });
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(2));
  const slow = await consume(connection, queue);
  const late = await receive(slow, 2);
  const quick = await consume(connection, queue);
  const taken = await receive(quick, 2);
  expect(taken.map(({ redeliveries }) => redeliveries)).toEqual([1, 1]);
  expect(await ack(slow, late)).toEqual(["lost", "lost"]);
  expect(await retry(slow, late, 0)).toEqual(["lost", "lost"]);
  expect(await ack(quick, taken)).toEqual(["settled", "settled"]);
});

it("takes its own delivery for another once it was delivered again to the same consumer", async () => {
  const connection = await bench.connect({ leaseMs: 1_500 });
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(1));
  const consumer = await consume(connection, queue);
  const first = await receive(consumer, 1);
  const second = await receive(consumer, 1);
  expect(ids(second)).toEqual(ids(first));
  expect(await consumer.extend?.([...first, ...second], call)).toEqual(first);
  expect(await ack(consumer, first)).toEqual(["lost"]);
  expect(await ack(consumer, second)).toEqual(["settled"]);
});

it("keeps what is extended", async () => {
  const connection = await bench.connect({ leaseMs: 1_500 });
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(1));
  const holder = await consume(connection, queue);
  const held = await receive(holder, 1);
  const other = await consume(connection, queue);
  const renewal = setInterval(() => void holder.extend?.(held, call), 200);
  expect(await receive(other, 1, 4_000)).toEqual([]);
  clearInterval(renewal);
  expect(await ack(holder, held)).toEqual(["settled"]);
});

it("keeps what it has read ahead as well", async () => {
  const connection = await bench.connect({ leaseMs: 1_500 });
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(128));
  const holder = await consume(connection, queue, { prefetch: 128 });
  // Two reads: after the first it knows how large the messages are.
  const held = [...(await holder.receive(128, call)), ...(await holder.receive(56, call))];
  const taken = async () => ((await bench.plain.xpending(queue.brokerName, "workers")) as [number])[0];
  await until(async () => (await taken()) === 128);
  expect(held.length).toBeLessThan(128);
  const other = await consume(connection, queue);
  const renewal = setInterval(() => void holder.extend?.(held, call), 200);
  expect(await receive(other, 1, 4_000)).toEqual([]);
  clearInterval(renewal);
  const rest = await receive(holder, 128 - held.length);
  expect(rest.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
  expect(await ack(holder, [...held, ...rest])).toEqual(new Array(128).fill("settled"));
});

it("extends more at once than Lua passes on", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  for (let batch = 0; batch < 9; batch++) await publish(connection, queue, messages(1_000));
  const consumer = await consume(connection, queue);
  const held = await receive(consumer, 9_000);
  await consumer.extend?.(held, call);
  expect((await ack(consumer, held)).every((outcome) => outcome === "settled")).toBe(true);
});

it("never holds more than the prefetch, although two streams are read", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group");
  await publish(connection, topicOf(group), messages(50));
  await publish(connection, group, messages(50));
  for (const max of [1, 2, 7, 40]) {
    const consumer = await consume(connection, group, { prefetch: max });
    const deliveries = await consumer.receive(max, call);
    expect(deliveries.length).toBeGreaterThan(0);
    const [pending] = (await bench.plain.xpending(group.brokerName, "billing")) as [number];
    const [returned] = (await bench.plain.xpending(`{${group.brokerName}}..billing..retry`, "billing")) as [
      number,
    ];
    expect(pending + returned).toBeLessThanOrEqual(max);
    await ack(consumer, deliveries);
    await consumer.close(nothingStarted);
  }
});

it("ends a receive when its signal fires, and loses nothing of what arrives then", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const consumer = await consume(connection, queue);
  const abort = new AbortController();
  const receiving = consumer.receive(10, { signal: abort.signal });
  abort.abort();
  expect(await receiving).toEqual([]);
  await publish(connection, queue, messages(1));
  expect(await receive(consumer, 1)).toHaveLength(1);
});

it("carries as many headers as it says, and what core adds to a failure, through every script", async () => {
  const driver = bench.driver();
  const connection = await bench.connect({}, driver);
  const queue = await bench.made(connection, "queue");
  const { maxCount } = driver.capabilities.limits.headers;
  const headers = Object.fromEntries(Array.from({ length: maxCount + 200 }, (_, n) => [`h${n}`, "x"]));
  await publish(connection, queue, [message({ headers, delayMs: 50 })]);
  const consumer = await consume(connection, queue);
  const first = await receive(consumer, 1);
  await retry(consumer, first, 50);
  const second = await receive(consumer, 1);
  expect(Object.keys(second[0]?.headers ?? {})).toHaveLength(maxCount + 200);
  await consumer.close({ started: new Set(second), delayed: new Map() });
  const last = await receive(await consume(connection, queue), 1);
  expect(last[0]?.redeliveries).toBe(2);
  expect(
    await connection.publish(queue, [message({ headers: { ...headers, more: "" } })], call),
  ).toMatchObject([{ ok: false, cause: { code: "INVALID_HEADER" } }]);
});
