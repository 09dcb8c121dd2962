import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import { call, item, message, topicOf, until } from "../../../scripts/testing/workbench.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

describe("topology", () => {
  it("is made again without harm, by several at once too", async () => {
    const connection = await bench.connect();
    const other = await bench.connect();
    const group = bench.address("group", { retained: true });
    const items = [item(topicOf(group)), item(group), item(bench.address("queue", { ordered: true }))];
    await Promise.all([bench.ensure(connection, ...items), other.topology.ensure(items, call)]);
    await connection.topology.ensure(items, call);
    const states = await connection.topology.inspect(
      items.map((one) => one.address),
      call,
    );
    expect(states).toMatchObject(items.map(() => ({ exists: true, differences: [] })));
  });

  it("tells what is there, how much waits, and what is not", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await connection.publish(queue, [message({ body: "1" }), message({ body: "2" })], call);
    const nowhere = (["queue", "topic", "group"] as const).map((kind) => bench.address(kind));
    await expect
      .poll(() => connection.topology.inspect([queue, ...nowhere], call), { timeout: 20_000 })
      .toMatchObject([{ exists: true, backlog: 2 }, ...nowhere.map(() => ({ exists: false }))]);
    expect((await connection.topology.inspect(nowhere, call)).every(({ exists }) => !exists)).toBe(true);
  });

  it("refuses what exists and breaks a guarantee, and says in what it differs", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    await bench.ensure(connection, item(queue));
    const ordered = { ...queue, ordered: true };
    await expect(connection.topology.ensure([item(ordered)], call)).rejects.toMatchObject({
      code: "TOPOLOGY_MISMATCH",
      message: expect.stringContaining("x-single-active-consumer is not set and should be true."),
    });
    expect(await connection.topology.inspect([ordered], call)).toMatchObject([
      { exists: true, differences: [expect.stringContaining("x-single-active-consumer")] },
    ]);
    const classic = await bench.connect({ queueType: "classic" });
    await expect(classic.topology.ensure([item(queue)], call)).rejects.toMatchObject({
      code: "TOPOLOGY_MISMATCH",
    });
  });

  it("takes bounds that someone else chose as they are", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    const topic = bench.address("topic", { retained: true });
    await bench.ensure(connection, item(queue), item(topic));
    const other = await bench.connect({ deliveryLimit: 7, retentionMs: 5_000, retentionBytes: 5_000_000 });
    await other.topology.ensure([item(queue), item(topic)], call);
  });

  it("takes an exchange of type topic for a topic", async () => {
    const connection = await bench.connect();
    const group = bench.address("group");
    const topic = topicOf(group);
    const channel = await (connection.native as ChannelModel).createChannel();
    await channel.assertExchange(topic.brokerName, "topic");
    await bench.ensure(connection, item(topic), item(group));
    expect(await connection.publish(topic, [message()], call)).toEqual([{ ok: true }]);
    const direct = bench.address("topic");
    await channel.assertExchange(direct.brokerName, "direct", { autoDelete: true });
    await expect(connection.topology.ensure([item(direct)], call)).rejects.toMatchObject({
      code: "TOPOLOGY_MISMATCH",
    });
    await channel.deleteExchange(direct.brokerName);
  });

  it("removes what it made, and keeps dead-lettered messages that nobody has seen", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    const dead = bench.address("queue", { name: `${queue.name}..dead` });
    await connection.topology.ensure([item(queue)], call);
    await connection.publish(dead, [message({ body: "poison" })], call);
    await until(async () => (await connection.topology.inspect([dead], call))[0]?.backlog === 1);
    await connection.topology.remove([queue, queue], call);
    const exists = async () =>
      (await connection.topology.inspect([queue, dead], call)).map((state) => state.exists);
    expect(await exists()).toEqual([false, true]);
    await connection.topology.remove([dead], call);
    expect(await exists()).toEqual([false, false]);
  });
});
