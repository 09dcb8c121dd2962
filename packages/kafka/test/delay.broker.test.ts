import { nothingStarted } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { testSkewedDelays } from "../../../scripts/testing/skewed-delays.ts";
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
  receiveFor,
  take,
  topicOf,
  until,
} from "../../../scripts/testing/workbench.ts";
import type { KafkaNative } from "../src/index.ts";
import { delayTopic } from "../src/naming.ts";
import { KafkaPublisher } from "../src/publisher.ts";
import { KafkaBench } from "./workbench.ts";

const bench = new KafkaBench();
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.end();
});

describe("a delayed message", () => {
  it("comes when it is due, whatever waits beside it", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    // Whoever forwards what is due has joined its group, and so has the consumer: only delays are measured.
    await publish(connection, queue, [message({ delayMs: 1 })]);
    await take(consumer, 1);
    const delays = [60_000, 9_000, 5_300, 4_200, 2_500, 1_000, 999, 400, 100, 1];
    const sentAt = new Map<string, number>();
    for (const delayMs of delays) {
      const one = message({ id: String(delayMs), delayMs, timestamp: 1_700_000_000_000 });
      sentAt.set(one.id, Date.now());
      await publish(connection, queue, [one]);
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

  it("comes when it is due where a delay topic that was made by hand keeps the writers' times", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    const { admin } = connection.native as KafkaNative;
    await admin.connect();
    const configEntries = [{ name: "message.timestamp.type", value: "CreateTime" }];
    await admin.createTopics({ topics: [{ topic: delayTopic(queue), numPartitions: 9, configEntries }] });
    await bench.ensure(connection, item(queue));
    const consumer = await consume(connection, queue);
    const sentAt = performance.now();
    await publish(connection, queue, [message({ delayMs: 1_500 })]);
    await take(consumer, 1);
    const waited = performance.now() - sentAt;
    expect(waited).toBeGreaterThanOrEqual(1_499);
    expect(waited).toBeLessThan(5_000);
  });

  it("reaches every group of its topic, and who reads without a group, once", async () => {
    const connection = await bench.connect();
    const one = await bench.made(connection, "group", { group: "one" });
    const two = besides(one, "two");
    await bench.ensure(connection, item(two));
    const topic = topicOf(one);
    const consumers = [
      await consume(connection, one),
      await consume(await bench.connect(), two),
      await consume(connection, topic),
    ];
    // Long enough for the two forwarders to have shared out their tiers.
    const late = message({ delayMs: 3_000 });
    await publish(connection, topic, [late]);
    for (const consumer of consumers) expect(ids(await receive(consumer, 1))).toEqual([late.id]);
    for (const consumer of consumers) expect(await receiveFor(consumer, 300)).toEqual([]);
  });

  it("for one group comes to that group alone", async () => {
    const connection = await bench.connect();
    const mine = await bench.made(connection, "group", { group: "mine" });
    const others = besides(mine, "others");
    await bench.ensure(connection, item(others));
    const other = await consume(connection, others);
    const consumer = await consume(connection, mine);
    const retry = message({ delayMs: 700, headers: { "waybill-attempt": "2" } });
    await publish(connection, mine, [retry]);
    const [delivery] = await receive(consumer, 1);
    expect(delivery).toMatchObject({ id: retry.id });
    expect({ ...delivery?.headers }).toEqual({ "waybill-attempt": "2" });
    expect(await receiveFor(other, 500)).toEqual([]);
  });

  it("for a group that was removed holds up nobody behind it", async () => {
    const connection = await bench.connect();
    const removed = await bench.made(connection, "group", { group: "removed" });
    const others = besides(removed, "others");
    await bench.ensure(connection, item(others));
    const consumer = await consume(connection, others);
    await publish(connection, others, [message({ delayMs: 1 })]);
    await take(consumer, 1);
    // Both wait in one tier, the one for nobody first.
    await publish(connection, removed, [message({ delayMs: 700 })]);
    const late = message({ delayMs: 800 });
    await publish(connection, others, [late]);
    await connection.topology.remove([removed], call);
    expect(ids(await receive(consumer, 1, 5_000))).toEqual([late.id]);
    await until(() => bench.reports.length > 0);
  });

  it("waits for somebody to come, and survives that its forwarder goes", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sent = messages(200, () => ({ delayMs: 5_000 }));
    await publish(connection, queue, sent);
    const first = await consume(connection, queue);
    expect(await receiveFor(first, 1_000)).toEqual([]);
    await first.close(nothingStarted);
    const second = await consume(connection, queue, { prefetch: 1_000 });
    const seen = await receive(second, 200);
    expect(ids(seen).toSorted()).toEqual(ids(sent).toSorted());
    expect(await receiveFor(second, 500)).toEqual([]);
  });

  it("is not forwarded once more if its forwarder closes before it has heard that it arrived", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const first = message({ key: "k", delayMs: 1 });
    const forwarding = await bench.connect();
    const { stored, hear } = delayAnswer(queue.brokerName);
    await consume(forwarding, queue);
    await publish(connection, queue, [first]);
    await stored;
    const closed = forwarding.close();
    setTimeout(hear, 300);
    await closed;
    const consumer = await consume(connection, queue);
    const second = message({ key: "k", delayMs: 1 });
    await publish(connection, queue, [second]);
    expect(ids(await receive(consumer, 2))).toEqual([first.id, second.id]);
  });

  it("is not forwarded once more if its tier goes to another process just then", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    // In the fourth tier of nine, which is not among the first three that the oldest of three forwarders keeps.
    const sent = message({ delayMs: 4_000 });
    await publish(connection, queue, [sent]);
    const { stored, hear } = delayAnswer(queue.brokerName);
    await stored;
    expect(ids(await take(consumer, 1))).toEqual([sent.id]);
    const others = [await bench.connect(), await bench.connect()].map((other) => consume(other, queue));
    const consumers = [consumer, ...(await Promise.all(others))];
    setTimeout(hear, 3_000);
    const seen = await Promise.all(consumers.map((one) => receiveFor(one, 5_000)));
    expect(ids(seen.flat())).toEqual([]);
  }, 30_000);
});

describe("a clock that is off by an hour", () => {
  testSkewedDelays(bench, { skewMs: 3_600_000, lateMs: 2_000 });
});

/** What is stored next in a topic is stored, and whoever stores it does not hear of it until it may. */
function delayAnswer(topic: string): { stored: Promise<void>; hear: () => void } {
  const stored = Promise.withResolvers<void>();
  const heard = Promise.withResolvers<void>();
  const store = KafkaPublisher.prototype.store;
  let isDelayed = false;
  vi.spyOn(KafkaPublisher.prototype, "store").mockImplementation(async function (
    this: KafkaPublisher,
    ...args
  ) {
    const outcomes = await store.apply(this, args);
    if (isDelayed || args[0] !== topic) return outcomes;
    isDelayed = true;
    stored.resolve();
    await heard.promise;
    return outcomes;
  });
  return { stored: stored.promise, hear: heard.resolve };
}
