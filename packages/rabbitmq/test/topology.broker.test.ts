import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import { address, brokerUrl, call, item, message, Tidy, uniqueName } from "./support.ts";

const tidy = new Tidy();
afterEach(() => tidy.up());

describe("topology", () => {
  it("is made again without harm, by several at once too", async () => {
    const { connection } = await tidy.open();
    const { connection: other } = await tidy.open();
    const name = uniqueName();
    const items = [
      item(address("topic", name, { retained: true })),
      item(address("group", name, { retained: true })),
      item(address("queue", uniqueName(), { ordered: true })),
    ];
    await Promise.all([tidy.made(connection, ...items), other.topology.ensure(items, call)]);
    await connection.topology.ensure(items, call);
    const states = await connection.topology.inspect(
      items.map((one) => one.address),
      call,
    );
    expect(states).toMatchObject(items.map(() => ({ exists: true, differences: [] })));
  });

  it("tells what is there, how much waits, and what is not", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    await connection.publish(queue, [message("1"), message("2")], call);
    const nowhere = (["queue", "topic", "group"] as const).map((kind) => address(kind, uniqueName()));
    await expect
      .poll(() => connection.topology.inspect([queue, ...nowhere], call))
      .toMatchObject([{ exists: true, backlog: 2 }, ...nowhere.map(() => ({ exists: false }))]);
    expect((await connection.topology.inspect(nowhere, call)).every(({ exists }) => !exists)).toBe(true);
  });

  it("refuses what exists and breaks a promise, and says in what it differs", async () => {
    const { connection } = await tidy.open();
    const name = uniqueName();
    const queue = address("queue", name);
    await tidy.made(connection, item(queue));
    const ordered = { ...queue, ordered: true };
    await expect(connection.topology.ensure([item(ordered)], call)).rejects.toMatchObject({
      code: "TOPOLOGY_MISMATCH",
      message: expect.stringContaining("x-single-active-consumer is not set and should be true."),
    });
    expect(await connection.topology.inspect([ordered], call)).toMatchObject([
      { exists: true, differences: [expect.stringContaining("x-single-active-consumer")] },
    ]);
    const { connection: classic } = await tidy.open(`${brokerUrl}?queueType=classic`);
    await expect(classic.topology.ensure([item(queue)], call)).rejects.toMatchObject({
      code: "TOPOLOGY_MISMATCH",
    });
  });

  it("takes bounds that someone else chose as they are", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    const topic = address("topic", uniqueName(), { retained: true });
    await tidy.made(connection, item(queue), item(topic));
    const { connection: other } = await tidy.open(
      `${brokerUrl}?deliveryLimit=7&retentionMs=5000&retentionBytes=5000000`,
    );
    await other.topology.ensure([item(queue), item(topic)], call);
  });

  it("takes an exchange of type topic for a topic", async () => {
    const { connection } = await tidy.open();
    const name = uniqueName();
    const channel = await (connection.native as ChannelModel).createChannel();
    await channel.assertExchange(name, "topic");
    await tidy.made(connection, item(address("topic", name)), item(address("group", name)));
    expect(await connection.publish(address("topic", name), [message("x")], call)).toEqual([{ ok: true }]);
    const direct = uniqueName();
    await channel.assertExchange(direct, "direct", { autoDelete: true });
    await expect(connection.topology.ensure([item(address("topic", direct))], call)).rejects.toMatchObject({
      code: "TOPOLOGY_MISMATCH",
    });
    await channel.deleteExchange(direct);
  });

  it("removes what it made, and keeps dead letters that nobody has seen", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    const dead = address("queue", `${queue.name}..dead`);
    await connection.topology.ensure([item(queue)], call);
    await connection.publish(dead, [message("letter")], call);
    await expect.poll(async () => (await connection.topology.inspect([dead], call))[0]?.backlog).toBe(1);
    await connection.topology.remove([queue, queue], call);
    const exists = async () =>
      (await connection.topology.inspect([queue, dead], call)).map((state) => state.exists);
    expect(await exists()).toEqual([false, true]);
    await connection.topology.remove([dead], call);
    expect(await exists()).toEqual([false, false]);
  });
});
