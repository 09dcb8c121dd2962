import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HubGrants } from "../src/client/hub-grants.ts";

const hourMs = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function granting() {
  const put: string[] = [];
  const reports: unknown[] = [];
  const failing = new Set<string>();
  const grants = new HubGrants({
    put: async (hub) => {
      put.push(hub);
      if (failing.has(hub)) throw new Error("no token");
      return { expiresAt: Date.now() + hourMs, renewInMs: undefined };
    },
    report: (cause) => void reports.push(cause),
  });
  return { grants, put, reports, failing };
}

it("presents a token once, and renews it for as long as somebody asks for the hub", async () => {
  const { grants, put } = granting();
  await Promise.all([grants.use("orders"), grants.use("orders")]);
  expect(put).toEqual(["orders"]);
  await vi.advanceTimersByTimeAsync(hourMs - 600_000);
  expect(put).toEqual(["orders", "orders"]);
  await grants.use("orders");
  await vi.advanceTimersByTimeAsync(hourMs - 600_000);
  expect(put).toHaveLength(3);
});

it("lets go of a hub that nobody has used since its last token, its timer too", async () => {
  const { grants, put } = granting();
  await grants.use("orders");
  await vi.advanceTimersByTimeAsync(2 * hourMs);
  expect([grants.size, vi.getTimerCount(), put.length]).toEqual([0, 0, 2]);
  await grants.use("orders");
  expect(put).toHaveLength(3);
});

it("renews for as long as a link needs it", async () => {
  const { grants, put } = granting();
  const release = await grants.link("orders");
  await vi.advanceTimersByTimeAsync(24 * hourMs);
  expect(put.length).toBeGreaterThan(24);
  release();
  release();
  await vi.advanceTimersByTimeAsync(2 * hourMs);
  expect([grants.size, vi.getTimerCount()]).toEqual([0, 0]);
});

it("keeps no more hubs than it may of those that never end, and all that have a link", async () => {
  const { grants, put } = granting();
  await grants.link("linked");
  for (let n = 0; n < 20_000; n++) await grants.use(`hub ${n}`);
  expect([grants.size, vi.getTimerCount()]).toEqual([1_001, 1_001]);
  put.length = 0;
  for (const hub of ["linked", "hub 19999", "hub 0"]) await grants.use(hub);
  expect(put).toEqual(["hub 0"]);
});

it("forgets links once they are gone, when there are many", async () => {
  const { grants } = granting();
  const releases: (() => void)[] = [];
  for (let n = 0; n < 3_000; n++) releases.push(await grants.link(`hub ${n}`));
  expect(grants.size).toBe(3_000);
  for (const release of releases) release();
  expect([grants.size, vi.getTimerCount()]).toEqual([1_000, 1_000]);
});

it("tries again where no token could be had, and tells of a renewal that failed", async () => {
  const { grants, put, reports, failing } = granting();
  failing.add("orders");
  await expect(grants.link("orders")).rejects.toThrow("no token");
  await expect(grants.use("orders")).rejects.toThrow("no token");
  failing.clear();
  const release = await grants.link("orders");
  failing.add("orders");
  await vi.advanceTimersByTimeAsync(hourMs - 600_000);
  expect(reports).toHaveLength(1);
  failing.clear();
  await vi.advanceTimersByTimeAsync(30_000);
  expect([put.length, reports.length]).toEqual([5, 1]);
  release();
  grants.close();
  expect([grants.size, vi.getTimerCount()]).toEqual([0, 0]);
});
