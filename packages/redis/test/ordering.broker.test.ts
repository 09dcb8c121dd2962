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

const keyed = (count: number) => messages(count, (index) => ({ key: `k${index % 3}`, id: `o-${index}` }));
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `o-${from + index}`);

it("lets one member read and the others stand by; the next goes on in order when it leaves", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { ordered: true });
  const first = await consume(connection, group);
  const second = await consume(connection, group);
  await publish(connection, topicOf(group), keyed(60));
  const received = await receive(first, 20);
  expect(ids(received)).toEqual(numbered(0, 20));
  expect(await second.receive(20, call)).toEqual([]);
  await ack(first, received.slice(0, 5));
  await first.close(nothingStarted);
  const rest = await receive(second, 55);
  expect(ids(rest)).toEqual(numbered(5, 60));
  expect(rest.every(({ redeliveries }) => redeliveries === 0)).toBe(true);
});

it("counts a takeover from a member that died, and drops what the dead one settles late", async () => {
  const crashable = await bench.connect({ leaseMs: 3_000 });
  const connection = await bench.connect({ leaseMs: 3_000 });
  const group = await bench.made(connection, "group", { ordered: true });
  await publish(connection, topicOf(group), keyed(0));
  const revoked: string[] = [];
  const dying = await consume(crashable, group, { revoked: (partitions) => revoked.push(...partitions) });
  const replacement = await consume(connection, group);
  await publish(connection, topicOf(group), keyed(10));
  const held = await receive(dying, 4);
  // The lock is taken away under it, as if it had been silent for too long.
  await bench.plain.del(`{${group.brokerName}}..billing..active`);
  const inherited = await receive(replacement, 10);
  expect(ids(inherited)).toEqual(numbered(0, 10));
  expect(inherited.slice(0, 4).map(({ redeliveries }) => redeliveries)).toEqual([1, 1, 1, 1]);
  await until(() => revoked.length > 0);
  expect(await ack(dying, held)).toEqual(["lost", "lost", "lost", "lost"]);
  expect(await ack(replacement, inherited)).toEqual(new Array(10).fill("settled"));
});

it("wakes up for what is published while it waits", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  const consumer = await consume(connection, queue);
  for (let i = 0; i < 5; i++) {
    const receiving = receive(consumer, 1);
    await sleep(50);
    const started = performance.now();
    await publish(connection, queue, [message({ key: "k" })]);
    const deliveries = await receiving;
    // A read that nobody wakes up ends after two seconds.
    expect(performance.now() - started).toBeLessThan(1_500);
    await ack(consumer, deliveries);
  }
});

it("takes over more at once than Lua passes on, in order", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  const all = keyed(9_000);
  for (let from = 0; from < all.length; from += 1_000)
    await publish(connection, queue, all.slice(from, from + 1_000));
  const dying = await consume(connection, queue);
  await receive(dying, 9_000);
  await bench.plain.del(`{${queue.brokerName}}..active`);
  const replacement = await consume(connection, queue);
  expect(ids(await receive(replacement, 9_000))).toEqual(numbered(0, 9_000));
});
