import { connect, deadLetterOf, queue, topic } from "@waybill/core";
import { expect, test } from "vitest";
import { adapter, MemoryBroker, memory, virtualClock } from "../src/index.ts";

test("an application publishes, fails, retries and dead-letters in virtual time", async () => {
  const clock = virtualClock();
  const broker = new MemoryBroker({ clock });
  await using client = await connect(memory({ broker }), { clock });
  const events = topic<{ n: number }>("events");
  const seen: [number, number][] = [];
  await client.subscribe(events, { group: "g" }, ({ n }, { attempt }) => {
    seen.push([n, attempt]);
    if (n === 2) throw new Error("no");
  });
  await client.publish(events, { n: 1 });
  await client.publish(events, { n: 2 });
  await clock.advance(3_600_000);
  expect(seen).toEqual([[1, 1], ...[1, 2, 3, 4, 5].map((attempt) => [2, attempt])]);
  const dead = deadLetterOf({ topic: events, group: "g" });
  expect(broker.resources.queues.get(dead.name)?.backlog).toBe(1);
  const closing = client.close();
  await clock.advance(60_000);
  await closing;
});

test("a named broker is shared by clients that know nothing of each other", async () => {
  const jobs = queue<string>("jobs");
  await using sender = await connect("memory:client-test", { adapters: [adapter] });
  await using worker = await connect("memory://client-test?leaseMs=1000", { adapters: [adapter] });
  const got = new Promise((resolve) => worker.consume(jobs, resolve));
  await sender.send(jobs, "hello");
  expect(await got).toBe("hello");
});
