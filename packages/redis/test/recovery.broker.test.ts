import { afterEach, expect, it } from "vitest";
import { call, consume, ids, messages, publish, receive, until } from "../../../scripts/testing/workbench.ts";
import { RedisBench } from "./workbench.ts";

const bench = new RedisBench();
afterEach(() => bench.end());

it("sends a script again that the server has forgotten", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(1));
  await bench.plain.script("FLUSH");
  await publish(connection, queue, messages(1));
});

it.each([false, true])(
  "tells once when its connection is gone, and the next one hands on what it held, only what was started counted (ordered: %s)",
  async (ordered) => {
    const name = `crashable-${process.pid}-${ordered}`;
    const driver = bench.driver({ connectionName: name });
    const connection = await bench.connect({}, driver);
    const queue = await bench.made(connection, "queue", { ordered });
    const batch = messages(5);
    await publish(connection, queue, batch);
    const consumer = await consume(connection, queue);
    const started = new Set((await receive(consumer, 5)).slice(0, 2));
    const clients = String(await bench.plain.client("LIST"));
    for (const line of clients.split("\n").filter((line) => line.includes(`name=${name} `))) {
      await bench.plain.client("KILL", "ID", Number(/^id=(\d+)/.exec(line)?.[1]));
    }
    await until(() => bench.lost.length > 0);
    await expect(consumer.receive(1, call)).rejects.toThrow();
    // In either order: a connection that closes knows of no handlers.
    await connection.close();
    await consumer.close({ started, delayed: new Map() });
    expect(bench.lost).toHaveLength(1);
    expect(driver.classify(bench.lost[0])).toMatchObject({ code: "CONNECTION_LOST" });

    const next = await bench.connect({}, driver);
    const replacement = await consume(next, queue);
    const before = performance.now();
    const again = await receive(replacement, 5);
    // Long before the lease is over.
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(ids(again).sort()).toEqual(ids(batch).sort());
    const startedIds = ids([...started]);
    for (const { id, redeliveries } of again) expect(redeliveries).toBe(startedIds.includes(id) ? 1 : 0);
  },
);

it("counts what a process held that died with its connection", async () => {
  const connection = await bench.connect({ leaseMs: 1_500 });
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, messages(3));
  const dead = await consume(connection, queue);
  await receive(dead, 3);
  // Another driver knows nothing of it: to the broker this is what a crash looks like.
  const other = await bench.connect({ leaseMs: 1_500 }, bench.driver({ leaseMs: 1_500 }));
  const taken = await receive(await consume(other, queue), 3);
  expect(taken.map(({ redeliveries }) => redeliveries)).toEqual([1, 1, 1]);
});

it("stops receiving with an error when the stream is taken away under it", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const consumer = await consume(connection, queue);
  const receiving = receive(consumer, 1);
  await connection.topology.remove([queue], call);
  const cause = await receiving.catch((error: unknown) => error);
  expect(bench.driver().classify(cause)).toBeDefined();
});

it("says how a server may lose messages, once, unless that is known", async () => {
  const dangers = String(await bench.plain.info("persistence")).includes("aof_enabled:0");
  const driver = bench.driver({ acceptVolatile: false });
  await bench.connect({}, driver);
  await bench.connect({}, driver);
  expect(bench.reports).toHaveLength(dangers ? 1 : 0);
});

it("waits for the disk or for replicas where that is asked for", async () => {
  const disk = await bench.connect({ confirm: "fsync" });
  const queue = await bench.made(disk, "queue");
  const info = String(await bench.plain.info());
  const appendOnly = info.includes("aof_enabled:1") && !/^redis_version:(6|7\.0)/m.test(info);
  const publishing = disk.publish(queue, messages(1), call);
  if (appendOnly) expect(await publishing).toEqual([{ ok: true }]);
  else await expect(publishing).rejects.toThrow();
  const replicated = await bench.connect({ replicas: 1, responseTimeoutMs: 500 });
  await expect(replicated.publish(queue, messages(1), call)).rejects.toMatchObject({ code: "TIMEOUT" });
});
