import { type Client, connect, type Feature, NonRetryableError, queue } from "@waybill/core";
import { afterEach, expect, it, vi } from "vitest";
import { KafkaBench } from "./workbench.ts";

const bench = new KafkaBench();
const clients: Client<Feature>[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close({ timeoutMs: 0 });
  await bench.end();
});

interface Job {
  readonly key: string;
  readonly n: number;
}

const followers = 600;

/** A key waits for its first message, which was dead-lettered, and `followers` more stand behind that in its partition. */
async function blocked() {
  const Jobs = queue<Job>(`blocked-${crypto.randomUUID().slice(0, 8)}`, { key: ({ key }) => key });
  const told: string[] = [];
  const handled: number[] = [];
  const others: number[] = [];
  let isBroken = true;
  const connected = async () => {
    const onError = ({ code }: { readonly code: string }) => void told.push(code);
    const client = (await connect(bench.driver(), { logger: false, onError })) as unknown as Client<Feature>;
    clients.push(client);
    return client;
  };
  const client = await connected();
  const subscription = await client.consume(Jobs, { afterDeadLetter: "block" }, ({ key, n }) => {
    if (key !== "a") return void others.push(n);
    if (isBroken) throw new NonRetryableError("broken");
    handled.push(n);
  });
  await client.send(Jobs, { key: "a", n: 0 });
  await vi.waitUntil(() => subscription.blockedKeys === 1, { timeout: 30_000 });
  const waiting = Array.from({ length: followers }, (_, i) => ({ key: "a", n: i + 1 }));
  await client.sendBatch(Jobs, waiting);
  isBroken = false;
  /** All of the key in order, and how long that took, in milliseconds. */
  const goesOn = async () => {
    const since = performance.now();
    await vi.waitUntil(() => handled.length > followers && subscription.held === 0, { timeout: 60_000 });
    expect(handled).toEqual([0, ...waiting.map(({ n }) => n)]);
    expect(told).toEqual(["DEAD_LETTERED", "KEY_BLOCKED"]);
    return performance.now() - since;
  };
  return { Jobs, client, connected, subscription, others, goesOn };
}

it("a redriven message is handled in its place, though more waits for it than a partition may usually hold", async () => {
  const { Jobs, client, goesOn } = await blocked();
  expect(await client.redrive({ queue: Jobs })).toMatchObject({ redriven: 1 });
  expect(await goesOn()).toBeLessThan(15_000);
});

it("the same where another client redrives, and other keys of the partition go on before", async () => {
  const { Jobs, client, connected, others, goesOn } = await blocked();
  const fresh = Array.from({ length: 400 }, (_, n) => ({ key: `key ${n % 40}`, n }));
  await client.sendBatch(Jobs, fresh);
  await vi.waitUntil(() => others.length === fresh.length, { timeout: 30_000 });
  expect(await (await connected()).redrive({ queue: Jobs })).toMatchObject({ redriven: 1 });
  expect(await goesOn()).toBeLessThan(15_000);
});
