import { expect, test } from "vitest";
import type { Report } from "../src/run/result.ts";
import { runConformance } from "../src/run/run-conformance.ts";
import { stubTarget } from "./stub-target.ts";

/** A test runner of a few lines: it collects, then runs one test after the other. */
function runner() {
  const tests: { readonly name: string; readonly body: () => Promise<void> }[] = [];
  const skipped: string[] = [];
  let path: string[] = [];
  const it = Object.assign(
    (name: string, body: () => Promise<void>) => tests.push({ name: [...path, name].join(" > "), body }),
    { skip: (name: string) => skipped.push(name) },
  );
  return {
    tests,
    skipped,
    it,
    describe(name: string, body: () => void) {
      path = [...path, name];
      body();
      path = path.slice(0, -1);
    },
  };
}

test("registers a test per case, by suite, and skips what cannot be run", async () => {
  const own = runner();
  const reports: Report[] = [];
  runConformance({
    runner: own,
    target: stubTarget(),
    only: [
      "naming.illegal-topic",
      "delivery.one-by-queue",
      "external-clients.to-topic",
      "delivery.five-thousand",
    ],
    onReport: (report) => reports.push(report),
  });
  expect(own.tests.map(({ name }) => name.split(":")[0])).toEqual([
    "stub conformance > delivery > delivery.one-by-queue",
    "stub conformance > naming > naming.illegal-topic",
    "stub conformance > delivery, alone > delivery.five-thousand",
    "stub conformance > writes its report",
  ]);
  expect(own.skipped).toHaveLength(1);
  expect(own.skipped[0]).toContain('[not run: the target does not give "externalClient"]');

  const [first, second, third, last] = own.tests;
  await expect(first?.body()).rejects.toThrow("stub");
  await second?.body();
  await expect(third?.body()).rejects.toThrow("stub");
  await last?.body();
  expect(reports[0]?.totals).toEqual({ passed: 1, failed: 2, refused: 0, quirks: 0, notRun: 1 });
});

test("runs only what the runner asks for, and what comes soon", async () => {
  const own = runner();
  const reports: Report[] = [];
  runConformance({
    runner: own,
    target: stubTarget(),
    parallel: 1,
    onReport: (report) => reports.push(report),
  });
  await own.tests.find(({ name }) => name.includes("naming.illegal-topic"))?.body();
  await own.tests.at(-1)?.body();
  const run = reports[0]?.cases.filter(({ outcome }) => outcome !== "not-run") ?? [];
  expect(run.length).toBeLessThanOrEqual(2);
});
