import type { CaseResult, Outcome, Report } from "@waybill/conformance";
import { expect, it } from "vitest";
import { mergedReport } from "./merged-report.ts";

it("adds the cases of a second run to the first, and lets the second count where both have one", () => {
  const merged = mergedReport(
    report({ "ordering.one": "passed", "time.delay": "not-run", "faults.one": "failed" }),
    report({ "time.delay": "passed", "backoff.exponential": "failed" }),
  );
  expect(merged.cases.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
    "ordering.one passed",
    "time.delay passed",
    "faults.one failed",
    "backoff.exponential failed",
  ]);
  expect(merged.totals).toEqual({ passed: 2, failed: 2, refused: 0, quirks: 0, notRun: 0 });
});

function report(outcomes: Record<string, Outcome>): Report {
  const cases = Object.entries(outcomes).map(([id, outcome]) => ({ id, outcome }) as CaseResult);
  return { adapter: "redis", cases } as Partial<Report> as Report;
}
