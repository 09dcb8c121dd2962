import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { show } from "../command.ts";
import { resultsFolder, type Tally } from "../tally.ts";

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

/** The arguments for the tests that need a broker. */
export const onBrokers = ["--config", "vitest.broker.config.ts"];

export interface VitestRun {
  /** For its report in `results/`. */
  readonly name: string;
  readonly args: readonly string[];
  /** `verbose` tells each test as it ends: for files that take minutes. */
  readonly reporter: "default" | "verbose";
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs vitest with this terminal. */
export async function runVitest({ name, args, reporter, env = process.env }: VitestRun): Promise<Tally> {
  mkdirSync(resultsFolder, { recursive: true });
  const report = join(resultsFolder, `${name}.json`);
  rmSync(report, { force: true });
  const reporting = [`--reporter=${reporter}`, "--reporter=json", `--outputFile.json=${report}`];
  const code = await show("vitest", ["run", ...args, ...reporting], env);
  return tallyOf(report, code);
}

/** A file that could not be loaded, and an exit code that no test accounts for, are failures like others. */
function tallyOf(report: string, code: number): Tally {
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, testResults }: Report = JSON.parse(readFileSync(report, "utf8"));
  const broken = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  const failed = numFailedTests + broken.length;
  return { passed: numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}
