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
  receiveFor,
  sleep,
  topicOf,
} from "../../../scripts/testing/workbench.ts";
import { classify } from "../src/errors.ts";
import { KafkaPartition } from "../src/receiving/partition.ts";
import { KafkaBench } from "./workbench.ts";

const bench = new KafkaBench();
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.end();
});

describe("a message", () => {
  it("comes back as it was sent", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sent = message({
      body: Uint8Array.of(0, 255, 128, 10),
      contentType: "application/x-test",
      key: "kéy",
      timestamp: 1_700_000_000_123,
      headers: { "Ünïcode 🎈": "värde\n", "": "no name", __proto__x: "x", constructor: "c" },
      expiresAt: Date.now() + 60_000,
      replyTo: "inbox-1",
      correlationId: "c-1",
    });
    await publish(connection, queue, [sent]);
    const consumer = await consume(connection, queue);
    const [delivery] = await receive(consumer, 1);
    expect(delivery).toMatchObject({
      id: sent.id,
      contentType: sent.contentType,
      key: sent.key,
      timestamp: sent.timestamp,
      expiresAt: sent.expiresAt,
      replyTo: "inbox-1",
      correlationId: "c-1",
      redeliveries: 0,
    });
    expect(Buffer.from(delivery?.body ?? [])).toEqual(Buffer.from(sent.body));
    expect({ ...delivery?.headers }).toEqual({ ...sent.headers });
    expect(delivery?.native).toMatchObject({ topic: queue.brokerName, offset: "0" });
  });

  it("to a topic that does not exist is refused, and nothing is made", async () => {
    const connection = await bench.connect();
    const nowhere = bench.address("queue");
    const [outcome] = await connection.publish(nowhere, [message()], call);
    expect(outcome?.ok).toBe(false);
    expect(classify(outcome?.ok === false && outcome.cause)?.code).toBe("NOT_FOUND");
    expect((await connection.topology.inspect([nowhere], call))[0]?.exists).toBe(false);
    await expect(consume(connection, nowhere)).rejects.toSatisfy(
      (cause) => classify(cause)?.code === "NOT_FOUND",
    );
  });

  it("above the broker's limit fails alone", async () => {
    const connection = await bench.connect({ maxMessageBytes: 3_000_000 });
    const queue = await bench.made(connection, "queue");
    const outcomes = await connection.publish(
      queue,
      [message({ key: "a" }), message({ key: "b", body: Buffer.alloc(2_000_000) })],
      call,
    );
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false]);
    const [, refused] = outcomes;
    expect(classify(refused?.ok === false && refused.cause)?.code).toBe("MESSAGE_TOO_LARGE");
  });

  it("of the largest size allowed goes through, and several of them in one call too", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const largest = 1_048_588 - 2_048;
    const batch = [1, 2, 3].map(() => message({ key: "k", body: Buffer.alloc(largest - 1) }));
    await publish(connection, queue, batch);
    const consumer = await consume(connection, queue);
    expect(ids(await receive(consumer, 3))).toEqual(ids(batch));
  });

  it("can be packed", async () => {
    const connection = await bench.connect({ compression: "gzip" });
    const queue = await bench.made(connection, "queue");
    const batch = messages(50, () => ({ key: "k", body: Buffer.alloc(500, "x") }));
    await publish(connection, queue, batch);
    const consumer = await consume(connection, queue);
    expect(ids(await receive(consumer, 50))).toEqual(ids(batch));
  });
});

describe("a group", () => {
  it("that was declared keeps what comes before its members do", async () => {
    const connection = await bench.connect();
    const early = await bench.made(connection, "group", { group: "early" });
    const sent = [message(), message(), message()];
    await publish(connection, topicOf(early), sent);
    const late = besides(early, "late");
    await bench.ensure(connection, item(late));
    const consumer = await consume(connection, early);
    expect(ids(await receive(consumer, 3)).toSorted()).toEqual(ids(sent).toSorted());
    const none = await consume(connection, late);
    expect(await receiveFor(none, 1_500)).toEqual([]);
  });

  it("goes on after what it has acked, and only that", async () => {
    const connection = await bench.connect();
    const group = await bench.made(connection, "group", { group: "g" });
    const sent = messages(10, () => ({ key: "same" }));
    await publish(connection, topicOf(group), sent);
    const first = await consume(connection, group);
    const deliveries = await receive(first, 10);
    expect(ids(deliveries)).toEqual(ids(sent));
    expect(await ack(first, deliveries.slice(0, 4))).toEqual(Array(4).fill("settled"));
    await first.close(nothingStarted);
    const second = await consume(connection, group);
    expect(ids(await receive(second, 6))).toEqual(ids(sent.slice(4)));
    expect(await ack(first, deliveries.slice(4))).toEqual(Array(6).fill("lost"));
  });

  it("gets what is sent to it alone", async () => {
    const connection = await bench.connect();
    const mine = await bench.made(connection, "group", { group: "mine" });
    const others = besides(mine, "others");
    await bench.ensure(connection, item(others));
    const retry = message({ key: "k" });
    await publish(connection, mine, [retry]);
    const consumer = await consume(connection, mine);
    expect(ids(await receive(consumer, 1))).toEqual([retry.id]);
    const other = await consume(connection, others);
    expect(await receiveFor(other, 1_000)).toEqual([]);
  });

  it("fetches no more bytes ahead than it may, and gets everything all the same", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sent = messages(40, (i) => ({ key: `k${i}`, body: Buffer.alloc(400_000) }));
    for (const one of sent) await publish(connection, queue, [one]);
    const partitions = new Set<KafkaPartition>();
    let most = 0;
    const append = KafkaPartition.prototype.append;
    vi.spyOn(KafkaPartition.prototype, "append").mockImplementation(function (this: KafkaPartition, ...args) {
      append.apply(this, args);
      if (this.topic === queue.brokerName) partitions.add(this);
      most = Math.max(
        most,
        [...partitions].reduce((sum, { bytes }) => sum + bytes, 0),
      );
    });
    const prefetchBytes = 4_000_000;
    const consumer = await consume(connection, queue, { prefetch: 400, prefetchBytes });
    const got = [...(await receive(consumer, 1))];
    await sleep(1_000);
    expect(most).toBeGreaterThan(prefetchBytes / 2);
    // A partition's last batch may be one too many.
    expect(most).toBeLessThan(prefetchBytes + 4 * 410_000);
    got.push(...(await receive(consumer, 39)));
    expect(ids(got).toSorted()).toEqual(ids(sent).toSorted());
    expect(most).toBeLessThan(prefetchBytes + 4 * 410_000);
  });

  it("does not pass on what is paused, and all of the rest", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sent = messages(40, (i) => ({ key: `k${i}` }));
    await publish(connection, queue, sent);
    const consumer = await consume(connection, queue, { prefetch: 4 });
    const [first] = await receive(consumer, 1);
    const paused = first?.partition as string;
    consumer.pausePartitions?.([paused]);
    const rest = await receiveFor(consumer, 1_500);
    expect(rest.length).toBeGreaterThan(0);
    expect(rest.some(({ partition }) => partition === paused)).toBe(false);
    consumer.pausePartitions?.([]);
    const all = [
      ...(first === undefined ? [] : [first]),
      ...rest,
      ...(await receive(consumer, 39 - rest.length)),
    ];
    expect(ids(all).toSorted()).toEqual(ids(sent).toSorted());
  });
});
