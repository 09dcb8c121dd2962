import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "@waybill/conformance";
import { resultsFolder } from "../tally.ts";
import { mergedReport } from "./merged-report.ts";
import { isMeasuring } from "./pass.ts";

const folder = join(resultsFolder, "conformance");

/**
 * Keeps a report for the table at the end and for the matrix in the documents. The
 * pass that runs alone adds its cases to the report of the one before it.
 */
export function saveReport(report: Report): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${report.adapter}.json`);
  const isAddition = isMeasuring(process.env) && existsSync(file);
  const whole = isAddition ? mergedReport(JSON.parse(readFileSync(file, "utf8")), report) : report;
  writeFileSync(file, `${JSON.stringify(whole, undefined, 2)}\n`);
}

/** As `saveReport`, for one more run of the same adapter: for the table at the end alone. */
export function saveReportAs(variant: string): (report: Report) => void {
  return (report) => saveReport({ ...report, adapter: `${report.adapter} (${variant})` });
}

/** To be called before a run, so that no report of an earlier one is taken for its own. */
export function forgetReports(): void {
  rmSync(folder, { recursive: true, force: true });
}

export function savedReports(): readonly Report[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
}
