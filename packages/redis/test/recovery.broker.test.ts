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

it("tells once when its connection is gone, and the next one hands on what it held, counted", async () => {
  const driver = bench.driver({ connectionName: `crashable-${process.pid}` });
  const connection = await bench.connect({}, driver);
  const queue = await bench.made(connection, "queue");
  const batch = messages(5);
  await publish(connection, queue, batch);
  const consumer = await consume(connection, queue);
  await receive(consumer, 5);
  const clients = String(await bench.plain.client("LIST"));
  for (const line of clients.split("\n").filter((line) => line.includes(`name=crashable-${process.pid} `))) {
    await bench.plain.client("KILL", "ID", Number(/^id=(\d+)/.exec(line)?.[1]));
  }
  await until(() => bench.lost.length > 0);
  await expect(consumer.receive(1, call)).rejects.toThrow();
  await connection.close();
  expect(bench.lost).toHaveLength(1);
  expect(driver.classify(bench.lost[0])).toMatchObject({ code: "CONNECTION_LOST" });

  const next = await bench.connect({}, driver);
  const replacement = await consume(next, queue);
  const started = performance.now();
  const again = await receive(replacement, 5);
  // Long before the lease is over.
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(ids(again).sort()).toEqual(ids(batch).sort());
  expect(again.every(({ redeliveries }) => redeliveries === 1)).toBe(true);
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
