import { afterEach, expect, it } from "vitest";
import {
  call,
  consume,
  message,
  messages,
  publish,
  receive,
  topicOf,
} from "../../../scripts/testing/workbench.ts";
import { RedisBench } from "./workbench.ts";

const bench = new RedisBench();
afterEach(() => bench.end());

it("makes the same thing from many places at once", async () => {
  const connections = await Promise.all([bench.connect(), bench.connect(), bench.connect()]);
  const group = bench.address("group");
  const item = { address: group, start: { from: "latest" } as const, filter: undefined };
  await Promise.all(connections.map((connection) => connection.topology.ensure([item, item], call)));
  const [state] = await (connections[0] ?? expect.fail()).topology.inspect([group], call);
  expect(state).toMatchObject({ exists: true, differences: [] });
  // Redis 6.2 does not tell.
  expect(state?.backlog ?? 0).toBe(0);
});

it("counts what waits: unread, unsettled, returned and delayed", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, [...messages(3), message({ delayMs: 60_000 })]);
  const consumer = await consume(connection, queue);
  await receive(consumer, 1);
  expect(await connection.topology.inspect([queue], call)).toMatchObject([{ backlog: 4 }]);
});

it("tells of a key that is no stream, and does not touch it", async () => {
  const connection = await bench.connect();
  const queue = bench.address("queue");
  await bench.plain.set(queue.brokerName, "mine");
  const [state] = await connection.topology.inspect([queue], call);
  expect(state).toMatchObject({ exists: false, differences: ["The key holds a string, not a stream."] });
  const item = { address: queue, start: { from: "latest" } as const, filter: undefined };
  const refusal = await connection.topology.ensure([item], call).catch((cause: unknown) => cause);
  expect(bench.driver().classify(refusal)).toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  expect(await bench.plain.get(queue.brokerName)).toBe("mine");
});

it("takes away a topic with all that was made for its groups", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { retained: true });
  await publish(connection, group, [message({ delayMs: 60_000 }), message()]);
  await publish(connection, topicOf(group), [message({ delayMs: 60_000 }), message()]);
  expect((await bench.plain.keys(`*${group.brokerName}*`)).length).toBeGreaterThan(3);
  await connection.topology.remove([topicOf(group)], call);
  expect(await bench.plain.keys(`*${group.brokerName}*`)).toEqual([]);
  await connection.topology.remove([topicOf(group), group], call);
});

it("leaves alone a consumer name that may only be slow", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await bench.plain.xgroup("CREATECONSUMER", queue.brokerName, "workers", "long-gone");
  const names = async () => {
    const found = (await bench.plain.xinfo("CONSUMERS", queue.brokerName, "workers")) as unknown[][];
    return found.map((consumer) => consumer[1]);
  };
  await consume(connection, queue);
  // Young names stay: their owners may only be slow.
  expect(await names()).toContain("long-gone");
});
