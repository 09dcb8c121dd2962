import { nothingStarted } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
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
  sleep,
  take,
  texts,
} from "../../../scripts/testing/workbench.ts";
import { classify } from "../src/errors.ts";
import { PubsubBench } from "./pubsub-bench.ts";
import { skewClock } from "./skewed-clock.ts";

const bench = new PubsubBench();
afterEach(async () => {
  vi.unstubAllGlobals();
  await bench.end();
});

describe("delays", () => {
  it("hold a queue's message back to the moment, and let the others pass", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    const publishedAt = Date.now();
    await publish(connection, queue, [message({ body: "later", delayMs: 1_500 }), message({ body: "now" })]);
    expect(texts(await take(consumer, 1))).toEqual(["now"]);
    expect(texts(await take(consumer, 1))).toEqual(["later"]);
    const after = Date.now() - publishedAt;
    expect(after).toBeGreaterThanOrEqual(1_500);
    // As late as the capability says, and a second for a busy machine.
    expect(after).toBeLessThan(1_500 + 3_000 + 1_000);
  });

  it("on a topic hold for every group by itself", async () => {
    const connection = await bench.connect();
    const one = await bench.made(connection, "group");
    const other = besides(one, "other");
    await bench.ensure(connection, item(other));
    const topic = { ...one, kind: "topic" as const, group: undefined, brokerGroup: undefined };
    await publish(connection, topic, [message({ body: "later", delayMs: 1_000 })]);
    const consumers = [await consume(connection, one), await consume(connection, other)];
    const got = await Promise.all(consumers.map((consumer) => take(consumer, 1)));
    expect(got.map(texts)).toEqual([["later"], ["later"]]);
  });

  it("outlive the consumer that knew of them", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const first = await consume(connection, queue);
    await publish(connection, queue, [message({ body: "later", delayMs: 4_000 }), message({ body: "now" })]);
    expect(texts(await take(first, 1))).toEqual(["now"]);
    expect(await receive(first, 1, 500)).toEqual([]);
    await first.close(nothingStarted);
    const second = await consume(connection, queue);
    expect(texts(await take(second, 1))).toEqual(["later"]);
  });
});

describe("a clock that is off by an hour", () => {
  const hourMs = 3_600_000;
  const delayMs = 2_500;
  /** As late as the capability says, and a second for a busy machine. */
  const lateMs = 3_000 + 1_000;

  it.each([-hourMs, hourMs])("costs a delay nothing where it is the publisher's (%i ms)", async (ms) => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    skewClock(ms);
    const publisher = await bench.connect();
    const sentAt = performance.now();
    await publish(publisher, queue, [message({ delayMs })]);
    vi.unstubAllGlobals();
    await take(consumer, 1);
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(delayMs);
    expect(performance.now() - sentAt).toBeLessThan(delayMs + lateMs);
  });

  // The emulator's responses have no dates: a consumer whose clock is ahead is played by a service that has them.
  it("costs a delay nothing where it is the consumer's, and behind", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sentAt = performance.now();
    await publish(connection, queue, [message({ delayMs })]);
    skewClock(-hourMs);
    await take(await consume(await bench.connect(), queue), 1);
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(delayMs);
    expect(performance.now() - sentAt).toBeLessThan(delayMs + lateMs);
  });

  it("costs a delay nothing where the consumer's is set while the message waits", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    const sentAt = performance.now();
    await publish(connection, queue, [message({ delayMs })]);
    expect(await receive(consumer, 1, 500)).toEqual([]);
    skewClock(hourMs);
    await take(consumer, 1);
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(delayMs);
    expect(performance.now() - sentAt).toBeLessThan(delayMs + lateMs);
  });
});

describe("what goes back to a group", () => {
  it("reaches that group and no other", async () => {
    const connection = await bench.connect();
    const one = await bench.made(connection, "group");
    const other = besides(one, "other");
    await bench.ensure(connection, item(other));
    await publish(connection, one, [message({ body: "again" })]);
    expect(texts(await take(await consume(connection, one), 1))).toEqual(["again"]);
    expect(await receive(await consume(connection, other), 1, 1_000)).toEqual([]);
  });
});

describe("closing", () => {
  it("gives what is unsettled to the next at once", async () => {
    const connection = await bench.connect({ leaseMs: 60_000 });
    const queue = await bench.made(connection, "queue");
    const batch = messages(20);
    await publish(connection, queue, batch);
    const first = await consume(connection, queue);
    const got = await receive(first, 5);
    await ack(first, got.slice(0, 2));
    await first.close(nothingStarted);
    const second = await consume(connection, queue);
    // Long before their leases end.
    const rest = await take(second, 18, 20_000);
    expect([...ids(got.slice(0, 2)), ...ids(rest)].sort()).toEqual(ids(batch).sort());
  });

  it("leaves no subscription of a reader without a group behind", async () => {
    const connection = await bench.connect();
    const topic = await bench.made(connection, "topic");
    const reader = await consume(connection, topic);
    const pubsub = connection.native as import("@google-cloud/pubsub").PubSub;
    const left = async () => (await pubsub.topic(topic.brokerName).getSubscriptions())[0].length;
    expect(await left()).toBe(1);
    await reader.close(nothingStarted);
    expect(await left()).toBe(0);
  });
});

describe("mistakes", () => {
  it("publishing to and consuming what is not there is NOT_FOUND, and makes nothing", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    const [outcome] = await connection.publish(queue, [message()], call);
    expect(classify(outcome?.ok === false ? outcome.cause : undefined)?.code).toBe("NOT_FOUND");
    await expect(consume(connection, queue)).rejects.toMatchObject({ code: "NOT_FOUND" });
    const [state] = await connection.topology.inspect([queue], call);
    expect(state?.exists).toBe(false);
  });

  it("a group whose filter or order cannot be changed is told apart", async () => {
    const connection = await bench.connect();
    const group = await bench.made(connection, "group", { filter: { region: "eu" } });
    const ensure = (filter: Record<string, string>, ordered = false) =>
      connection.topology.ensure([item({ ...group, ordered }, undefined, filter)], call);
    await ensure({ region: "eu" });
    await expect(ensure({ region: "us" })).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
    await expect(ensure({ region: "eu" }, true)).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  });

  it("nobody there is told soon", async () => {
    const driver = bench.driver({ emulatorHost: "127.0.0.1:1" });
    const failure = await driver.connect({ lost: () => {}, report: () => {} }, call).catch((cause) => cause);
    expect(classify(failure)?.code).toBe("UNREACHABLE");
  });
});

describe("the service's own limit of deliveries", () => {
  it("dead-letters what nobody acks to where core does", async () => {
    const connection = await bench.connect({ leaseMs: 1_000, deliveryLimit: 5 });
    const queue = await bench.made(connection, "queue");
    const dead = bench.address("queue", { name: `${queue.name}..dead` });
    await bench.ensure(connection, item(dead));
    await publish(connection, queue, [message({ body: "poison" })]);
    for (let n = 0; n < 5; n++) {
      const consumer = await consume(connection, queue);
      await receive(consumer, 1, 3_000);
      await consumer.close(nothingStarted);
      await sleep(50);
    }
    const consumer = await consume(connection, queue);
    void receive(consumer, 1, 3_000);
    expect(texts(await take(await consume(connection, dead), 1, 10_000))).toEqual(["poison"]);
  });
});
