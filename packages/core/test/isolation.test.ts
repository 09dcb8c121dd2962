import { describe, expect, it } from "vitest";
import { queue, topic } from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { connected, delivery, gate, never } from "./workbench.ts";

interface Keyed {
  readonly k: string;
  readonly n: number;
}
const Jobs = queue<Keyed>("jobs", { key: ({ k }) => k });
const Events = topic<string>("events", { key: (name) => name });
const job = (k: string, n: number) => delivery({ k, n }, { key: k });

describe("a key whose handler is slow", () => {
  it("fills the prefetch of nobody with what follows it", async () => {
    const { client, driver, clock } = await connected();
    const others: number[] = [];
    const subscription = await client.consume(Jobs, { prefetch: 400, concurrency: 10 }, async ({ k, n }) => {
      if (k === "slow") await never;
      others.push(n);
    });
    const consumer = driver.consumer();
    for (let n = 0; n < 501; n++) consumer.deliver(job("slow", n));
    for (let n = 0; n < 500; n++) consumer.deliver(job(`other-${n}`, n));
    await expect.poll(() => others.length).toBe(500);
    await clock.settle();
    expect(subscription).toMatchObject({ running: 1, held: 501 });
  });

  it("is bounded all the same: no more is received than may wait, and that is told of once", async () => {
    const warnings: string[] = [];
    const logger = { ...console, warn: (_: object, text: string) => void warnings.push(text) };
    const { client, driver, clock } = await connected({}, { logger });
    const options = { prefetch: 10, concurrency: 1, prefetchBytes: 2 ** 20 };
    const subscription = await client.consume(Jobs, options, () => never);
    for (let n = 0; n < 6_000; n++) driver.consumer().deliver(job("slow", n));
    for (let i = 0; i < 50; i++) await clock.settle();
    await expect.poll(() => subscription.held).toBeGreaterThan(4_000);
    expect(subscription.held).toBeLessThan(4_200);
    expect(driver.consumer().waiting).toBeGreaterThan(1_700);
    expect(warnings.filter((text) => text.includes("Nothing more of"))).toHaveLength(1);
  });

  it("lets other keys go on behind any number of its followers, for as long as these fit into the bytes", async () => {
    const { client, driver } = await connected({ growingPrefetch: true });
    const done: number[] = [];
    const first = gate();
    const subscription = await client.consume(Jobs, { prefetch: 100, concurrency: 10 }, async ({ k, n }) => {
      if (k === "slow" && n === 0) await first.opened;
      if (k === "slow") slow.push(n);
      else done.push(n);
    });
    const slow: number[] = [];
    const consumer = driver.consumer();
    expect(consumer.source.prefetch).toBe(4_196);
    for (let n = 0; n < 9_001; n++) consumer.deliver(job("slow", n));
    for (let n = 0; n < 200; n++) consumer.deliver(job(`other-${n}`, n));
    await expect.poll(() => done.length).toBe(200);
    expect(subscription.held).toBe(9_001);
    expect(consumer.prefetches).toEqual([8_292, 16_484]);
    first.open();
    await expect.poll(() => slow.length).toBe(9_001);
    expect(slow).toEqual(slow.toSorted((a, b) => a - b));
    for (let n = 0; n < 200; n++) consumer.deliver(job(`other-${n}`, n));
    await expect.poll(() => done.length).toBe(400);
    expect(consumer.prefetches.at(-1)).toBe(4_196);
  });

  it("fills the prefetch in bytes of nobody either, and is bounded in bytes all the same", async () => {
    const { client, driver, clock } = await connected();
    const others: number[] = [];
    const Padded = queue<Keyed & { readonly x: string }>("padded", { key: ({ k }) => k });
    const subscription = await client.consume(Padded, { prefetchBytes: 20_000 }, async ({ k, n }) => {
      if (k === "slow") await never;
      others.push(n);
    });
    const consumer = driver.consumer();
    expect(consumer.source.prefetchBytes).toBe(60_000);
    const padded = (k: string, n: number) => delivery({ k, n, x: "x".repeat(250) }, { key: k });
    for (let n = 0; n < 100; n++) consumer.deliver(padded("slow", n));
    for (let n = 0; n < 3; n++) consumer.deliver(padded(`other-${n}`, n));
    await expect.poll(() => others).toEqual([0, 1, 2]);
    for (let n = 0; n < 1_000; n++) consumer.deliver(padded("slow", n));
    for (let i = 0; i < 50; i++) await clock.settle();
    expect(subscription.held).toBeGreaterThan(120);
    expect(subscription.held).toBeLessThan(60_000 / 250);
    expect(consumer.waiting).toBeGreaterThan(800);
  });

  it("in one partition of a log leaves the others alone, however large what follows it is", async () => {
    const { client, driver, clock } = await connected({ capabilities: { settlement: "cumulative" } });
    const seen: string[] = [];
    await client.subscribe(Events, { group: "g", prefetchBytes: 40_000 }, async (name) => {
      seen.push(name.trim());
      if (name.startsWith("slow")) await never;
    });
    const consumer = driver.consumer();
    const large = (name: string, partition: string) => delivery(name.padEnd(2_000), { key: name, partition });
    for (const partition of ["p0", "p1"]) {
      for (let i = 0; i < 6; i++) consumer.deliver(large(`slow-${partition}`, partition));
      await clock.settle();
    }
    for (let i = 0; i < 5; i++) consumer.deliver(large(`other-${i}`, "p2"));
    await clock.settle();
    expect(seen).toEqual(["slow-p0", "slow-p1", ...[0, 1, 2, 3, 4].map((i) => `other-${i}`)]);
    expect(consumer.pausedPartitions.at(-1)).toEqual(["p0", "p1"]);
  });

  it("in one partition of a log leaves the other partitions alone", async () => {
    const { client, driver, clock } = await connected({ capabilities: { settlement: "cumulative" } });
    const seen: string[] = [];
    await client.subscribe(Events, { group: "g" }, async (name) => {
      seen.push(name);
      if (name === "slow") await never;
    });
    const consumer = driver.consumer();
    for (let i = 0; i < 100; i++) consumer.deliver(delivery("slow", { key: "slow", partition: "p0" }));
    await clock.settle();
    consumer.deliver(delivery("other", { key: "other", partition: "p1" }));
    await clock.settle();
    expect(seen).toEqual(["slow", "other"]);
    expect(consumer.pausedPartitions.at(-1)).toEqual(["p0"]);
  });
});

describe("keys that keep failing", () => {
  it("take turns with fresh ones", async () => {
    const { client, driver, clock } = await connected();
    let good = 0;
    await client.consume(
      Jobs,
      { concurrency: 1, retry: { maxAttempts: Number.POSITIVE_INFINITY, backoff: () => 1 } },
      async ({ k }) => {
        if (k === "good") return void good++;
        await new Promise((resolve) => clock.setTimeout(() => resolve(undefined), 5));
        throw new Error("down");
      },
    );
    for (let n = 0; n < 20; n++) driver.consumer().deliver(job(`bad-${n}`, n));
    await clock.pass(200);
    driver.consumer().deliver(job("good", 1));
    await clock.pass(20);
    expect(good).toBe(1);
  });

  it("leave the prefetch to fresh ones while they wait", async () => {
    const { client, driver, clock } = await connected();
    const good: number[] = [];
    await client.consume(
      Jobs,
      { concurrency: 2, prefetch: 4, retry: { backoff: () => 60_000 } },
      ({ k, n }) => {
        if (k !== "good") throw new Error("down");
        good.push(n);
      },
    );
    for (let n = 0; n < 30; n++) driver.consumer().deliver(job(`bad-${n}`, n));
    driver.consumer().deliver(job("good", 1));
    await clock.pass(100);
    expect(good).toEqual([1]);
  });
});

describe("bytes", () => {
  const Blobs = queue<string>("blobs");
  it("are divided between what is held and what is fetched ahead where settlement is cumulative", async () => {
    const { client, driver, clock } = await connected({ capabilities: { settlement: "cumulative" } });
    const subscription = await client.consume(Blobs, { prefetchBytes: 100_000 }, () => new Promise(() => {}));
    expect(driver.consumer().source.prefetchBytes).toBe(50_000);
    for (let n = 0; n < 20; n++) {
      driver.consumer().deliver(delivery(`${n}${"x".repeat(9_000)}`));
      await clock.settle();
    }
    expect(subscription.held).toBe(6);
  });

  it("bound what is held, and one message always fits", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const subscription = await client.consume(Blobs, { prefetchBytes: 10_000 }, handler.handler);
    expect(driver.consumer().source.prefetchBytes).toBe(10_000);
    const big = (n: number) => delivery(`${n}${"x".repeat(20_000)}`);
    driver.consumer().deliver(big(1));
    await clock.settle();
    driver.consumer().deliver(big(2), big(3));
    await clock.settle();
    expect(subscription.held).toBe(1);
    handler.end(handler.deliveries[0]?.value);
    await clock.settle();
    expect(subscription.held).toBe(1);
    expect(handler.began).toHaveLength(2);
  });
});
