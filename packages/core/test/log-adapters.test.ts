import { afterEach, beforeEach, expect, it, vi } from "vitest";
import {
  type CloseConsumerOptions,
  type Consumer,
  ExponentialBackoff,
  nothingStarted,
  OpenConsumers,
  type ReceivedMessage,
  ReportThrottle,
} from "../src/spi/index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("the pauses of a loop double up to a bound, and begin anew after a success", () => {
  const pauses = new ExponentialBackoff({ firstMs: 50, maxMs: 300 });
  expect([pauses.next(), pauses.next(), pauses.next(), pauses.next(), pauses.next()]).toEqual([
    50, 100, 200, 300, 300,
  ]);
  pauses.reset();
  expect(pauses.next()).toBe(50);
});

it("each kind of background failure is reported once in a while, even if the clock is set back", async () => {
  const reports: unknown[] = [];
  const throttle = new ReportThrottle(String, (cause) => reports.push(cause));
  for (const cause of ["away", "away", "refused", "away"]) throttle.report(cause);
  expect(reports).toEqual(["away", "refused"]);
  await vi.advanceTimersByTimeAsync(31_000);
  throttle.report("away");
  expect(reports).toEqual(["away", "refused", "away"]);
  vi.setSystemTime(0);
  await vi.advanceTimersByTimeAsync(31_000);
  throttle.report("away");
  expect(reports).toHaveLength(4);
});

it("a consumer is closed once, with what core tells it, and gives back what it used", async () => {
  const told: CloseConsumerOptions[] = [];
  let released = 0;
  const consumer = (): Consumer => ({
    receive: async () => [],
    settle: async () => [],
    close: async (options) => void told.push(options),
  });
  const consumers = new OpenConsumers();
  const release = async () => void released++;
  const tracked = consumers.track(consumer(), release);
  const options = { delayed: new Map(), started: new Set<ReceivedMessage>() };
  await Promise.all([tracked.close(options), tracked.close(nothingStarted)]);
  expect(told).toEqual([options]);
  consumers.track(consumer(), release);
  consumers.track({ ...consumer(), close: () => Promise.reject(new Error("no")) });
  await consumers.close();
  expect(told).toEqual([options, nothingStarted]);
  expect(released).toBe(2);
});
