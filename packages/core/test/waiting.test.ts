import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { retryTransient, systemClock, unlessGivenUp, within } from "../src/spi/index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const passing = new Error("passing");
const patience = {
  timeoutMs: 1_000,
  isTransient: (cause: unknown) => cause === passing,
  isOver: () => false,
};

it("retryTransient does it again while what stands in the way is passing", async () => {
  let tries = 0;
  const work = async () => {
    if (++tries < 3) throw passing;
    return "done";
  };
  const result = retryTransient(work, patience);
  await vi.advanceTimersByTimeAsync(500);
  expect(await result).toBe("done");
  expect(tries).toBe(3);
});

it("retryTransient gives up on what stays, when its time is over, and when nobody waits any more", async () => {
  const stays = new Error("stays");
  await expect(retryTransient(() => Promise.reject(stays), patience)).rejects.toBe(stays);
  await expect(
    retryTransient(() => Promise.reject(passing), { ...patience, isOver: () => true }),
  ).rejects.toBe(passing);
  let tries = 0;
  const endless = retryTransient(() => {
    tries++;
    return Promise.reject(passing);
  }, patience);
  const rejected = expect(endless).rejects.toBe(passing);
  await vi.advanceTimersByTimeAsync(1_100);
  await rejected;
  expect(tries).toBeLessThan(8);
  expect(vi.getTimerCount()).toBe(0);
});

it("work is awaited unless the signal fires, before or meanwhile", async () => {
  const { signal } = new AbortController();
  expect(await unlessGivenUp(Promise.resolve(1), signal)).toBe(1);
  const failed = new Error("failed");
  await expect(unlessGivenUp(Promise.reject(failed), signal)).rejects.toBe(failed);

  const stop = new AbortController();
  const work = Promise.withResolvers<string>();
  const late: string[] = [];
  const waiting = unlessGivenUp(work.promise, stop.signal, (value) => late.push(value));
  stop.abort("enough");
  await expect(waiting).rejects.toMatchObject({ code: "TIMEOUT", cause: "enough" });
  work.resolve("too late");
  await work.promise;
  expect(late).toEqual(["too late"]);
  await expect(unlessGivenUp(Promise.reject(failed), stop.signal)).rejects.toMatchObject({ code: "TIMEOUT" });
});

it("a bounded wait says whether it was in time, whatever came of the work", async () => {
  expect(await within(systemClock, 10, Promise.reject(new Error("failed")))).toBe(true);
  const late = within(systemClock, 10, new Promise(() => {}));
  await vi.advanceTimersByTimeAsync(10);
  expect(await late).toBe(false);
  expect(await within(systemClock, 10, new Promise(() => {}), { signal: AbortSignal.abort() })).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

it("a timer of any length fires when it is due, and not before", async () => {
  const month = 30 * 24 * 3_600_000;
  let fired = 0;
  systemClock.setTimeout(() => fired++, month);
  systemClock.setTimeout(() => fired++, Number.POSITIVE_INFINITY);
  const cleared = systemClock.setTimeout(() => fired++, 2 * month);
  await vi.advanceTimersByTimeAsync(month - 1);
  expect(fired).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(fired).toBe(1);
  systemClock.clearTimeout(cleared);
  await vi.advanceTimersByTimeAsync(3 * month);
  expect(fired).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

it("the computer's clock has a time that does not jump", () => {
  const before = systemClock.monotonic?.() ?? Number.NaN;
  vi.setSystemTime(0);
  expect(systemClock.now()).toBe(0);
  expect(systemClock.monotonic?.()).toBeGreaterThanOrEqual(before);
});
