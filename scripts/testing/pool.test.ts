import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Job, runPool } from "./pool.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

it("runs jobs in order, no more than so many at a time, and keeps every result", async () => {
  const started: string[] = [];
  let running = 0;
  let peak = 0;
  const job = (name: string): Job => ({
    name,
    async run() {
      started.push(name);
      peak = Math.max(peak, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
      return { passed: 1, failed: 0, failures: [] };
    },
  });
  const results = await runPool(["a", "b", "c", "d", "e"].map(job), 2, new AbortController().signal);
  expect(started).toEqual(["a", "b", "c", "d", "e"]);
  expect(peak).toBe(2);
  expect(results).toHaveLength(5);
});

it("counts what was not run, since the run was ended, as failed", async () => {
  const ended = new AbortController();
  const first: Job = {
    name: "first",
    async run() {
      ended.abort();
      return { passed: 3, failed: 0, failures: [] };
    },
  };
  const second: Job = { name: "second", run: () => Promise.reject(new Error("It was started.")) };
  expect(await runPool([first, second], 1, ended.signal)).toEqual([
    { passed: 3, failed: 0, failures: [] },
    { passed: 0, failed: 1, failures: ["second: it was not run, since the run was ended before."] },
  ]);
});
