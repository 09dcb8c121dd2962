import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  ack,
  call,
  ids,
  message,
  noHooks,
  publish,
  receive,
  receiveFor,
  source,
  Workbench,
} from "./workbench.ts";

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.end());

describe("a delayed message", () => {
  it("comes when it is due, whatever waits beside it", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", "delays");
    const consumer = await connection.consume(source(queue), noHooks, call);
    const delays = [60_000, 9_000, 5_300, 4_200, 2_500, 1_000, 999, 400, 100, 1];
    const sentAt = new Map<string, number>();
    for (const delayMs of delays) {
      const one = message({ id: String(delayMs), delayMs, timestamp: 1_700_000_000_000 });
      sentAt.set(one.id, Date.now());
      await publish(connection, queue, one);
    }
    const expected = delays.length - 1;
    for (let seen = 0; seen < expected; ) {
      const deliveries = await receive(consumer, 1);
      for (const delivery of deliveries) {
        seen++;
        const waited = Date.now() - (sentAt.get(delivery.id) ?? 0);
        const delayMs = Number(delivery.id);
        expect(waited, delivery.id).toBeGreaterThanOrEqual(delayMs);
        expect(waited, delivery.id).toBeLessThan(delayMs * 1.1 + 1_000);
        expect({ ...delivery.headers }).toEqual({});
        expect(delivery.timestamp).toBe(1_700_000_000_000);
      }
      await ack(consumer, deliveries);
    }
  }, 30_000);

  it("reaches every group of its topic, and who reads without a group, once", async () => {
    const connection = await bench.connect();
    const one = await bench.made(connection, "group", "fan", "one");
    const two = { ...one, group: "two", physicalGroup: "two" };
    await bench.ensure(connection, two);
    const topic = { ...one, kind: "topic" as const };
    const consumers = [
      await connection.consume(source(one), noHooks, call),
      await (await bench.connect()).consume(source(two), noHooks, call),
      await connection.consume(source(topic), noHooks, call),
    ];
    const late = message({ delayMs: 1_500 });
    await publish(connection, topic, late);
    for (const consumer of consumers) expect(ids(await receive(consumer, 1))).toEqual([late.id]);
    for (const consumer of consumers) expect(await receiveFor(consumer, 300)).toEqual([]);
  });

  it("for one group comes to that group alone", async () => {
    const connection = await bench.connect();
    const mine = await bench.made(connection, "group", "retry", "mine");
    const others = { ...mine, group: "others", physicalGroup: "others" };
    await bench.ensure(connection, others);
    const other = await connection.consume(source(others), noHooks, call);
    const consumer = await connection.consume(source(mine), noHooks, call);
    const retry = message({ delayMs: 700, headers: { "waybill-attempt": "2" } });
    await publish(connection, mine, retry);
    const [delivery] = await receive(consumer, 1);
    expect(delivery).toMatchObject({ id: retry.id });
    expect({ ...delivery?.headers }).toEqual({ "waybill-attempt": "2" });
    expect(await receiveFor(other, 500)).toEqual([]);
  });

  it("waits for somebody to come, and survives that its mover goes", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", "nobody");
    const sent = Array.from({ length: 200 }, () => message({ delayMs: 2_000 }));
    await publish(connection, queue, ...sent);
    const first = await connection.consume(source(queue), noHooks, call);
    const seen = [...(await receiveFor(first, 1_000))];
    await first.close();
    const second = await connection.consume(source(queue, { prefetch: 1_000 }), noHooks, call);
    seen.push(...(await receive(second, 200)));
    expect(ids(seen).toSorted()).toEqual(ids(sent).toSorted());
    expect(await receiveFor(second, 500)).toEqual([]);
  });
});
