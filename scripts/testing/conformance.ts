import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { BrokerProcess, Report } from "@waybill/conformance";
import { type BrokerName, control } from "@waybill/local-brokers";
import { resultsFolder } from "../tally.ts";
import { type Pass, passVariable } from "./broker-jobs.ts";
import { mayKillVariable, statusOfRunning } from "./broker-status.ts";
import { mergedReport } from "./merged-report.ts";

const folder = join(resultsFolder, "conformance");

export interface LocalBroker {
  readonly url: string;
  /** As it tells it; of a cloud service, which emulator: `emulator` (its own), `pstest`. */
  readonly version: string | null;
  readonly extras: { readonly broker?: BrokerProcess };
}

/** Where a broker is, and power over its process where tests may use it. For `conformance.broker.test.ts`. */
export async function localBroker(name: BrokerName): Promise<LocalBroker> {
  const [status] = await statusOfRunning([name]);
  if (!status?.url || status.state !== "up")
    throw new Error(`${name} is not up: npx waybill brokers up ${name}`);
  const { url, version } = status;
  if (process.env[mayKillVariable] !== "1") return { url, version, extras: {} };
  // One that the environment names is somebody else's process: the suite says what it could not run there.
  const broker = await control(name).catch(() => undefined);
  // One that forgets everything when it is killed is no broker that crashed.
  return { url, version, extras: broker?.keepsData ? { broker } : {} };
}

/**
 * Keeps a report for the table at the end and for the matrix in the documents. The
 * pass that runs alone adds its cases to the report of the one before it.
 */
export function saveReport(report: Report): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${report.adapter}.json`);
  const isAddition = process.env[passVariable] === ("alone" satisfies Pass) && existsSync(file);
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
