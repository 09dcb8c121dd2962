import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { waybill } from "./run.ts";

describe("waybill conformance", () => {
  it("runs the cases that were named, and ends with the totals", async () => {
    const { code, out, err } = await waybill(["conformance", "memory:", "--only", "delivery.one-by-topic"]);
    expect(err).toMatch(/^ok +delivery\.one-by-topic /m);
    expect(out).toMatch(/G\d+ +1 +0 +0 +0 +0\n/);
    expect(out).toMatch(/\n1 passed, 0 failed\n$/);
    expect(code).toBe(0);
  });

  it("writes its report as JSON", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waybill-conformance-"));
    try {
      const file = join(folder, "report.json");
      await waybill(["conformance", "memory:", "--only", "delivery.one-by-topic", "--json", file]);
      expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({
        adapter: "memory",
        driver: "memory",
        broker: { name: expect.any(String), version: expect.toBeOneOf([null, expect.any(String)]) },
        totals: { passed: 1, failed: 0, refused: 0, quirks: 0, notRun: 0 },
        cases: [
          {
            id: "delivery.one-by-topic",
            title: expect.any(String),
            guarantee: expect.stringMatching(/^G\d+$/),
            outcome: "passed",
            ms: expect.any(Number),
            counts: {
              published: expect.any(Number),
              delivered: expect.any(Number),
              lost: 0,
              duplicated: 0,
              reordered: 0,
            },
          },
        ],
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("says once that the broker is unreachable, and runs no case", async () => {
    const started = performance.now();
    const { code, out, err } = await waybill(["conformance", "redis://127.0.0.1:1"]);
    expect(err).toContain("Could not connect to redis");
    expect(err).toContain("No case was run.");
    expect(err.trimEnd().split("\n"), "one problem").toHaveLength(2);
    expect([code, out]).toEqual([1, ""]);
    expect(performance.now() - started).toBeLessThan(30_000);
  });

  it.each([
    [["conformance"], "was given 0 URLs. Give one, such as memory:"],
    [["conformance", "memory:", "redis://localhost"], "was given 2 URLs"],
    [["conformance", "nats://localhost"], 'No adapter is known for "nats:"'],
    [
      ["conformance", "memory:", "--parallel", "0"],
      '--parallel was given "0". Write a whole number of at least 1.',
    ],
    [
      ["conformance", "memory:", "--only", "delivery.nothing"],
      "No case or suite is named delivery.nothing. Leave out --only to see their names.",
    ],
    [["conformance", "memory:", "--fast"], "Unknown option '--fast'"],
  ])("%j is a usage error, and says why", async (args, message) => {
    const { code, out, err } = await waybill(args);
    expect(err).toContain(message);
    expect([code, out]).toEqual([2, ""]);
  });
});
