import type { Consumer, DelayedHandBack, ReceivedMessage } from "@waybill/core/spi";
import { afterEach, expect, it } from "vitest";
import {
  ack,
  consume,
  ids,
  messages,
  publish,
  receive,
  sleep,
  topicOf,
  until,
} from "../../../scripts/testing/workbench.ts";
import { groupKeys } from "../src/naming.ts";
import { RedisBench } from "./workbench.ts";

const bench = new RedisBench();
afterEach(() => bench.end());

const keyed = (count: number) => messages(count, (index) => ({ key: `k${index}`, id: `w-${index}` }));

/** Closes a consumer as core does when these wait for their next attempt. */
const closeWaiting = (
  consumer: Consumer,
  waiting: readonly (readonly [ReceivedMessage | undefined, DelayedHandBack])[],
) => {
  const delayed = new Map(waiting.map(([message, how]) => [message as ReceivedMessage, how]));
  return consumer.close({ started: new Set(delayed.keys()), delayed });
};

const about = (messages: readonly ReceivedMessage[]) =>
  messages.map(({ id, redeliveries, waitMs = 0 }) => [id, redeliveries, waitMs > 0]);

it("an ordered group's waiting retries keep their count and their wait, in their place, with another client", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { ordered: true });
  const first = await consume(connection, group);
  await publish(connection, topicOf(group), keyed(4));
  const [zero, one, two, three] = await receive(first, 4);
  const elsewhere = await bench.connect();
  const second = await consume(elsewhere, group);
  await closeWaiting(first, [
    [zero, { delayMs: 60_000, redeliveries: 3 }],
    [two, { delayMs: 0, redeliveries: 2 }],
  ]);
  const taken = await receive(second, 4);
  expect(ids(taken)).toEqual(ids([zero, one, two, three] as ReceivedMessage[]));
  expect(about(taken)).toEqual([
    ["w-0", 3, true],
    ["w-1", 0, false],
    ["w-2", 2, false],
    ["w-3", 0, false],
  ]);
  expect(taken[0]?.waitMs).toBeGreaterThan(50_000);
  expect(taken[0]?.waitMs).toBeLessThanOrEqual(60_000);
  // Whoever gets it again before it is due waits as well, and what nobody had begun with costs nothing.
  await closeWaiting(second, [[taken[0], { delayMs: 50_000, redeliveries: 3 }]]);
  const third = await consume(connection, group);
  expect(about(await receive(third, 4))).toEqual([
    ["w-0", 3, true],
    ["w-1", 0, false],
    ["w-2", 2, false],
    ["w-3", 0, false],
  ]);
});

it("a wait outlives a member that died while it waited", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { ordered: true });
  const first = await consume(connection, group);
  await publish(connection, topicOf(group), keyed(1));
  await closeWaiting(first, [[(await receive(first, 1))[0], { delayMs: 60_000, redeliveries: 3 }]]);
  const dying = await consume(connection, group);
  await receive(dying, 1);
  await bench.plain.del(groupKeys(group).lock);
  const replacement = await consume(await bench.connect(), group);
  expect(about(await receive(replacement, 1))).toEqual([["w-0", 4, true]]);
});

it("what is noted of a wait is gone when it is over, and with its group", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { ordered: true });
  const { backoffs } = groupKeys(group);
  await publish(connection, topicOf(group), keyed(2));
  let consumer = await consume(connection, group);
  const [zero, one] = await receive(consumer, 2);
  await closeWaiting(consumer, [
    [zero, { delayMs: 500, redeliveries: 1 }],
    [one, { delayMs: 60_000, redeliveries: 1 }],
  ]);
  expect(await bench.plain.hlen(backoffs)).toBe(2);
  expect(await bench.plain.pttl(backoffs)).toBeLessThanOrEqual(120_000);
  await sleep(600);
  consumer = await consume(connection, group);
  const again = await receive(consumer, 2);
  expect(about(again)).toEqual([
    ["w-0", 1, false],
    ["w-1", 1, true],
  ]);
  expect(await bench.plain.hlen(backoffs)).toBe(1);
  await ack(consumer, again);
  await connection.topology.remove([group], { signal: AbortSignal.timeout(5_000) });
  expect(await bench.plain.exists(backoffs)).toBe(0);
});

it("a note that cannot be read holds nothing up, and is reported; one of another entry says nothing", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { ordered: true });
  const { backoffs } = groupKeys(group);
  await publish(connection, topicOf(group), keyed(2));
  const first = await consume(connection, group);
  const [zero] = await receive(first, 2);
  await closeWaiting(first, [[zero, { delayMs: 60_000, redeliveries: 1 }]]);
  const [field] = await bench.plain.hkeys(backoffs);
  await bench.plain.hset(backoffs, field as string, `${"9".repeat(400)} 1e999`);
  await bench.plain.hset(backoffs, "main 1-1", "99999999999999 60000");
  const second = await consume(connection, group);
  expect(about(await receive(second, 2))).toEqual([
    ["w-0", 1, false],
    ["w-1", 0, false],
  ]);
  await until(() => bench.reports.length > 0);
  expect(String(bench.reports[0])).toContain("1 of the waits");
});

it("without order they go through the stream of returns, when they are due", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(2, (index) => ({ id: `u-${index}` })),
  );
  const first = await consume(connection, queue);
  const [zero] = await receive(first, 2);
  const closedAt = performance.now();
  await closeWaiting(first, [[zero, { delayMs: 600, redeliveries: 4 }]]);
  const second = await consume(await bench.connect(), queue);
  const again = await receive(second, 2);
  expect(performance.now() - closedAt).toBeGreaterThanOrEqual(595);
  expect(again.map(({ id, redeliveries }) => [id, redeliveries])).toEqual([
    ["u-1", 0],
    ["u-0", 4],
  ]);
});
