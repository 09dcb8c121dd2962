import { nothingStarted, type WireMessage } from "@waybill/core/spi";
import { afterEach, describe, expect, it } from "vitest";
import {
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
  until,
} from "../../../scripts/testing/workbench.ts";
import { inboxPrefix } from "../src/naming.ts";
import { KafkaBench } from "./workbench.ts";

const bench = new KafkaBench();
afterEach(() => bench.end());

describe("reading a topic without a group", () => {
  it("misses nothing from the moment it has started, and sees nothing from before", async () => {
    const connection = await bench.connect();
    const topic = await bench.made(connection, "topic");
    await publish(connection, topic, [message(), message()]);
    const consumer = await consume(connection, topic);
    const sent = messages(30);
    await publish(connection, topic, sent);
    const deliveries = await receive(consumer, 30);
    expect(ids(deliveries).toSorted()).toEqual(ids(sent).toSorted());
    expect(await receiveFor(consumer, 500)).toEqual([]);
  });

  it("begins at the beginning, at a time or at a message", async () => {
    const connection = await bench.connect();
    const topic = await bench.made(connection, "topic");
    const sent: WireMessage[] = [];
    for (let i = 0; i < 12; i++) {
      const one = message({ timestamp: Date.now() });
      sent.push(one);
      await publish(connection, topic, [one]);
      await sleep(5);
    }
    const all = await receive(await consume(connection, topic, { start: { from: "earliest" } }), 12);
    expect(ids(all).toSorted()).toEqual(ids(sent).toSorted());

    const timestamp = sent[7]?.timestamp ?? 0;
    const since = await consume(connection, topic, { start: { from: "time", timestamp } });
    expect(ids(await receive(since, 5)).toSorted()).toEqual(ids(sent.slice(7)).toSorted());

    const position = all.find(({ id }) => id === sent[4]?.id)?.position ?? "";
    const after = await consume(connection, topic, { start: { from: "position", position } });
    expect(ids(await receive(after, 8)).toSorted()).toEqual(ids(sent.slice(4)).toSorted());
    expect(await receiveFor(after, 500)).toEqual([]);

    const future = { from: "time", timestamp: Date.now() + 60_000 } as const;
    const later = await consume(connection, topic, { start: future });
    expect(await receiveFor(later, 800)).toEqual([]);
  });

  it("ends when the topic is taken away", async () => {
    const connection = await bench.connect();
    const topic = await bench.made(connection, "topic");
    const consumer = await consume(connection, topic);
    await connection.topology.remove([topic], call);
    await expect(receive(consumer, 1, 20_000)).rejects.toMatchObject({ type: "UNKNOWN_TOPIC_OR_PARTITION" });
  });
});

describe("an inbox", () => {
  it("takes replies from anywhere, and is gone when it is closed", async () => {
    const connection = await bench.connect();
    const other = await bench.connect();
    const inbox = { ...bench.address("inbox"), brokerName: `${inboxPrefix}${crypto.randomUUID()}` };
    const consumer = await consume(connection, inbox);
    const reply = message({ correlationId: "c" });
    await publish(other, inbox, [reply]);
    expect(ids(await receive(consumer, 1))).toEqual([reply.id]);
    await consumer.close(nothingStarted);
    // Brokers learn of a deletion one after the other.
    await until(async () => (await other.topology.inspect([inbox], call))[0]?.exists === false);
    // What a broker tells of is gone a moment before what it stores into.
    await until(async () => (await other.publish(inbox, [message()], call))[0]?.ok === false);
  });

  it("of a dead client is swept away by a later one", async () => {
    const dead = { ...bench.address("inbox"), brokerName: `${inboxPrefix}${crypto.randomUUID()}` };
    const crashable = await bench.connectCrashable({ inboxIdleMs: 60_000 });
    await consume(crashable.connection, dead);
    crashable.kill();
    const connection = await bench.connect({ inboxIdleMs: 60_000 });
    const now = Date.now;
    // Signs of life are told by their time; an hour from now there are none that are recent.
    Date.now = () => now() + 3_600_000;
    try {
      const inbox = { ...bench.address("inbox"), brokerName: `${inboxPrefix}${crypto.randomUUID()}` };
      const consumer = await consume(connection, inbox);
      await until(async () => (await connection.topology.inspect([dead], call))[0]?.exists === false);
      expect((await connection.topology.inspect([inbox], call))[0]?.exists).toBe(true);
      await consumer.close(nothingStarted);
    } finally {
      Date.now = now;
    }
  });
});

describe("topology", () => {
  it("is made at the same time by two without harm", async () => {
    const [one, two] = await Promise.all([bench.connect(), bench.connect()]);
    const group = bench.address("group", { group: "g" });
    await Promise.all([
      bench.ensure(one, item(group)),
      bench.ensure(two, item(group)),
      bench.ensure(one, item(group)),
    ]);
    const [state] = await one.topology.inspect([group], call);
    expect(state).toMatchObject({ exists: true, differences: [], backlog: 0 });
  });

  it("tells what is missing and what is waiting", async () => {
    const connection = await bench.connect();
    const group = await bench.made(connection, "group", { group: "g" });
    await publish(connection, topicOf(group), [message(), message()]);
    await publish(connection, group, [message()]);
    const never = besides(group, "never");
    const states = await connection.topology.inspect([group, never], call);
    expect(states.map(({ exists, backlog }) => [exists, backlog])).toEqual([
      [true, 3],
      [false, 0],
    ]);
    expect(states[1]?.differences.length).toBe(1);
  });

  it("tells what waits in a queue that others made and nobody has read", async () => {
    const connection = await bench.connect();
    const queue = { ...(await bench.made(connection, "topic")), kind: "queue" } as const;
    await publish(connection, queue, [message(), message()]);
    expect(await connection.topology.inspect([queue], call)).toMatchObject([{ exists: true, backlog: 2 }]);
  });

  it("takes away what it made, and minds nothing that is not there", async () => {
    const connection = await bench.connect();
    const group = await bench.made(connection, "group", { group: "g" });
    const topic = topicOf(group);
    await connection.topology.remove([group, topic], call);
    await connection.topology.remove([group, topic], call);
    const states = await connection.topology.inspect([group, topic], call);
    expect(states.map(({ exists }) => exists)).toEqual([false, false]);
  });
});
