import { afterEach, beforeEach, expect, it } from "vitest";
import { call, message, messages, noHooks, publish, receive, source, Workbench } from "./workbench.ts";

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.end());

it("makes the same thing from many places at once", async () => {
  const connections = await Promise.all([bench.connect(), bench.connect(), bench.connect()]);
  const group = bench.address("group", "race");
  const item = { address: group, start: { from: "latest" } as const, filter: undefined };
  await Promise.all(connections.map((connection) => connection.topology.ensure([item, item], call)));
  const [state] = await (connections[0] ?? expect.fail()).topology.inspect([group], call);
  expect(state).toMatchObject({ exists: true, differences: [] });
  // Redis 6.2 does not tell.
  expect(state?.backlog ?? 0).toBe(0);
});

it("counts what waits: unread, unsettled, returned and delayed", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", "backlog");
  await publish(connection, queue, [...messages(3), message({ delayMs: 60_000 })]);
  const consumer = await connection.consume(source(queue), noHooks, call);
  await receive(consumer, 1);
  expect(await connection.topology.inspect([queue], call)).toMatchObject([{ backlog: 4 }]);
});

it("tells of a key that is no stream, and does not touch it", async () => {
  const connection = await bench.connect();
  const queue = bench.address("queue", "taken");
  await bench.plain.set(queue.physical, "mine");
  const [state] = await connection.topology.inspect([queue], call);
  expect(state).toMatchObject({ exists: false, differences: ["The key holds a string, not a stream."] });
  const item = { address: queue, start: { from: "latest" } as const, filter: undefined };
  const refusal = await connection.topology.ensure([item], call).catch((cause: unknown) => cause);
  expect(bench.driver().classify(refusal)).toMatchObject({ code: "TOPOLOGY_MISMATCH" });
  expect(await bench.plain.get(queue.physical)).toBe("mine");
});

it("takes away a topic with all that was made for its groups", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", "removed", { retained: true });
  await publish(connection, group, [message({ delayMs: 60_000 }), message()]);
  await publish(connection, { ...group, kind: "topic" }, [message({ delayMs: 60_000 }), message()]);
  expect((await bench.plain.keys(`*${group.physical}*`)).length).toBeGreaterThan(3);
  await connection.topology.remove([{ ...group, kind: "topic" }], call);
  expect(await bench.plain.keys(`*${group.physical}*`)).toEqual([]);
  await connection.topology.remove([{ ...group, kind: "topic" }, group], call);
});

it("leaves alone a consumer name that may only be slow", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", "stale");
  await bench.plain.xgroup("CREATECONSUMER", queue.physical, "workers", "long-gone");
  const names = async () => {
    const found = (await bench.plain.xinfo("CONSUMERS", queue.physical, "workers")) as unknown[][];
    return found.map((consumer) => consumer[1]);
  };
  await connection.consume(source(queue), noHooks, call);
  // Young names stay: their owners may only be slow.
  expect(await names()).toContain("long-gone");
});
