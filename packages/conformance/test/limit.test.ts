import { expect, test } from "vitest";
import { Limit } from "../src/run/limit.ts";

test("never runs more at once than it may, and everything in the end", async () => {
  const limit = new Limit(3);
  let running = 0;
  let peak = 0;
  const work = async (n: number) => {
    peak = Math.max(peak, ++running);
    await new Promise((resolve) => setTimeout(resolve, n % 4));
    running--;
    return n;
  };
  const results = await Promise.all(Array.from({ length: 20 }, (_, n) => limit.run(() => work(n))));
  expect(results).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(peak).toBe(3);
});

test("goes on after a failure, and tells when it is idle", async () => {
  const limit = new Limit(1);
  await limit.idle();
  const failed = limit.run(() => Promise.reject(new Error("no")));
  const later = limit.run(async () => "yes");
  const idle = limit.idle();
  await expect(failed).rejects.toThrow("no");
  expect(await later).toBe("yes");
  await idle;
});
