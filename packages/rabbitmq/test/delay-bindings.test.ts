import type { Address } from "@waybill/core/spi";
import { afterEach, expect, it, vi } from "vitest";
import type { Control } from "../src/client/control.ts";
import { Delays } from "../src/delays/delays.ts";

afterEach(() => void vi.restoreAllMocks());

it("a binding counts as there for a minute of steady time, whatever the clock is set to", async () => {
  let bound = 0;
  const channel = new Proxy({}, { get: (_, name) => async () => void (name === "bindQueue" && bound++) });
  const control = {
    run: (work: (channel: object) => Promise<unknown>) => work(channel),
  } as unknown as Control;
  const delays = new Delays(control);
  const to = { kind: "queue", name: "jobs", brokerName: "jobs" } as Address;
  let steady = performance.now();
  let wall = Date.now();
  vi.spyOn(performance, "now").mockImplementation(() => steady);
  vi.spyOn(Date, "now").mockImplementation(() => wall);

  await delays.bind(to);
  const atFirst = bound;
  wall += 86_400_000;
  expect(delays.prepare(to, [])).toBeUndefined();
  wall -= 2 * 86_400_000;
  steady += 61_000;
  await delays.prepare(to, []);
  expect(bound).toBe(atFirst + 1);
});
