import { afterEach, expect, it, vi } from "vitest";
import type { RedisClient } from "../src/client/redis-client.ts";
import { ServerTime } from "../src/client/server-time.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** A server whose clock is an hour ahead, which answers TIME after so many milliseconds. */
function server(answersAfterMs: () => number) {
  let asked = 0;
  const client = {
    callBuffer: async () => {
      asked++;
      const now = Date.now() + 3_600_000;
      vi.advanceTimersByTime(answersAfterMs());
      return [Buffer.from(String(Math.floor(now / 1_000))), Buffer.from(String((now % 1_000) * 1_000))];
    },
  } as unknown as RedisClient;
  return { client, asked: () => asked };
}

it("is the server's, whatever this computer's clock shows, and goes on by the steady one", async () => {
  vi.useFakeTimers({ now: 1_700_000_000_500 });
  const time = new ServerTime(server(() => 0).client);
  expect(time.now()).toBeUndefined();
  await time.ask();
  expect(time.now()).toBe(1_700_003_600_500);
  vi.setSystemTime(0);
  vi.advanceTimersByTime(250);
  expect(time.now()).toBe(1_700_003_600_750);
});

it("is asked for again when it has been counted on for a minute, and a slow answer changes nothing", async () => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  let slowMs = 0;
  const { client, asked } = server(() => slowMs);
  const time = new ServerTime(client);
  await time.ask();
  vi.advanceTimersByTime(60_001);
  slowMs = 5_000;
  const before = time.now() as number;
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  expect(asked()).toBe(2);
  expect(time.now()).toBe(before + 5_000);
});

it("is unknown where the server does not tell, and nothing fails by that", async () => {
  const client = { callBuffer: () => Promise.reject(new Error("NOPERM")) } as unknown as RedisClient;
  const time = new ServerTime(client);
  await time.ask();
  expect(time.now()).toBeUndefined();
});
