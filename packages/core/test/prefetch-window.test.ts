import { expect, it } from "vitest";
import { PrefetchWindow } from "../src/consuming/prefetch-window.ts";
import { queue } from "../src/index.ts";
import { connected, delivery } from "./workbench.ts";

it("grows while it is received over and over within a second, up to its most", () => {
  const window = new PrefetchWindow({ prefetch: 100, maxPrefetch: 1_000 });
  const sizes: number[] = [];
  for (let now = 0; now < 1_000; now += 10) if (window.note(200, 50, now)) sizes.push(window.size);
  expect(sizes).toEqual([200, 400, 800, 1_000]);
});

it("shrinks when little of it is received and much of it held, and never below what it began with", () => {
  const window = new PrefetchWindow({ prefetch: 100, maxPrefetch: 400 });
  for (let now = 0; now < 1_000; now += 10) window.note(200, 50, now);
  expect(window.size).toBe(400);
  const sizes: number[] = [];
  for (let now = 1_000; now < 60_000; now += 500)
    if (window.note(1, window.size, now)) sizes.push(window.size);
  expect(sizes).toEqual([200, 100]);
});

it("stays while there is nothing to receive, and where the application chose it", () => {
  const window = new PrefetchWindow({ prefetch: 100, maxPrefetch: 400 });
  for (let now = 0; now < 1_000; now += 10) window.note(200, 50, now);
  for (let now = 1_000; now < 60_000; now += 500) window.note(1, 0, now);
  expect(window.size).toBe(400);
  const chosen = new PrefetchWindow({ prefetch: 100, maxPrefetch: 100 });
  for (let now = 0; now < 1_000; now += 10) chosen.note(200, 50, now);
  expect(chosen.size).toBe(100);
});

it("is told to the consumer that can follow", async () => {
  const { client, driver } = await connected({ growingPrefetch: true });
  let handled = 0;
  await client.consume(queue<number>("jobs"), () => void handled++);
  const consumer = driver.consumer();
  for (let n = 0; n < 3_000; n++) consumer.deliver(delivery(n));
  await expect.poll(() => handled).toBe(3_000);
  expect(consumer.source.prefetch).toBe(100);
  expect(consumer.prefetches.slice(0, 2)).toEqual([200, 400]);
});

it("counts what may wait behind a key on top of it, where one queue holds all keys", async () => {
  const { client, driver } = await connected({ growingPrefetch: true });
  let handled = 0;
  await client.consume(queue<number>("jobs", { key: (n) => String(n) }), () => void handled++);
  const consumer = driver.consumer();
  for (let n = 0; n < 3_000; n++) consumer.deliver(delivery(n, { key: String(n) }));
  await expect.poll(() => handled).toBe(3_000);
  expect(consumer.source.prefetch).toBe(4_196);
  expect(consumer.prefetches.slice(0, 2)).toEqual([4_296, 4_496]);
});
