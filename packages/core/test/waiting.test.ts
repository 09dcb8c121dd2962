import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { retryTransient, systemClock, unlessGivenUp, within } from "../src/spi/index.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const passing = new Error("passing");
const bounds = {
  timeoutMs: 1_000,
  isTransient: (cause: unknown) => cause === passing,
  signal: new AbortController().signal,
};

it("retryTransient does it again while what stands in the way is passing", async () => {
  let tries = 0;
  const work = async () => {
    if (++tries < 3) throw passing;
    return "done";
  };
  const result = retryTransient(work, bounds);
  await vi.advanceTimersByTimeAsync(500);
  expect(await result).toBe("done");
  expect(tries).toBe(3);
});

it("retryTransient gives up on what stays, when its time is over, and when nobody waits any more", async () => {
  const stays = new Error("stays");
  await expect(retryTransient(() => Promise.reject(stays), bounds)).rejects.toBe(stays);
  await expect(
    retryTransient(() => Promise.reject(passing), { ...bounds, signal: AbortSignal.abort() }),
  ).rejects.toBe(passing);
  let tries = 0;
  const endless = retryTransient(() => {
    tries++;
    return Promise.reject(passing);
  }, bounds);
  const rejected = expect(endless).rejects.toBe(passing);
  await vi.advanceTimersByTimeAsync(1_100);
  await rejected;
  expect(tries).toBeLessThan(8);
  expect(vi.getTimerCount()).toBe(0);
});

it("retryTransient keeps to its time though the clock is set back meanwhile", async () => {
  let tries = 0;
  const endless = retryTransient(() => {
    tries++;
    return Promise.reject(passing);
  }, bounds);
  const rejected = expect(endless).rejects.toBe(passing);
  vi.setSystemTime(Date.now() - 3_600_000);
  await vi.advanceTimersByTimeAsync(1_100);
  await rejected;
  expect(tries).toBeLessThan(8);
});

it("retryTransient ends its pause when nobody waits any more, and tries no more", async () => {
  const stop = new AbortController();
  let tries = 0;
  const work = () => {
    tries++;
    return Promise.reject(passing);
  };
  const given = retryTransient(work, { ...bounds, timeoutMs: 60_000, signal: stop.signal });
  const rejected = expect(given).rejects.toBe(passing);
  await vi.advanceTimersByTimeAsync(25);
  const triedBefore = tries;
  stop.abort();
  await rejected;
  expect(tries).toBe(triedBefore);
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
