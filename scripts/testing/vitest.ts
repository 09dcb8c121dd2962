import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { resultsFolder, type Tally } from "../tally.ts";
import { root } from "../workspace.ts";
import { runSupervised } from "./supervised.ts";

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly ReportedFile[];
}

interface ReportedFile {
  readonly name: string;
  readonly status: string;
  /** Why the file could not be loaded, if so. */
  readonly message?: string;
  readonly assertionResults: readonly ReportedTest[];
}

interface ReportedTest {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages?: readonly string[] | null;
}

/** The arguments for the tests that need a broker. */
export const onBrokers = ["--config", "vitest.broker.config.ts"];

export interface VitestRun {
  /** For its report in `results/`. */
  readonly name: string;
  readonly args: readonly string[];
  /** `lines` tells each test as it ends: for files that take minutes. */
  readonly reporter: "default" | "lines";
  readonly env?: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Gets each line of the output. Default: vitest has this terminal. */
  readonly onLine?: (line: string) => void;
}

export interface VitestResult extends Tally {
  /** In full, one for each test or file that failed. */
  readonly failures: readonly string[];
}

/** Runs vitest. Never rejects for a test that fails. */
export async function runVitest(run: VitestRun): Promise<VitestResult> {
  const { name, args, reporter, env = process.env, signal, onLine } = run;
  mkdirSync(resultsFolder, { recursive: true });
  const report = join(resultsFolder, `${name}.json`);
  rmSync(report, { force: true });
  const progress = reporter === "lines" ? "./scripts/testing/line-reporter.ts" : reporter;
  const reporting = [`--reporter=${progress}`, "--reporter=json", `--outputFile.json=${report}`];
  const code = await runSupervised("vitest", ["run", ...args, ...reporting], { env, signal, onLine });
  return resultOf(name, report, code);
}

/** A file that could not be loaded, and an exit code that no test accounts for, are failures like others. */
function resultOf(name: string, report: string, code: number): VitestResult {
  if (!existsSync(report)) {
    const failures = [`${name}: vitest ended with exit code ${code} and left no report.`];
    return { passed: 0, failed: 1, failures };
  }
  const { numPassedTests, numFailedTests, testResults }: Report = JSON.parse(readFileSync(report, "utf8"));
  const isBroken = (file: ReportedFile) => file.status === "failed" && file.assertionResults.length === 0;
  const failures = testResults.flatMap((file) => failuresIn(name, file, isBroken(file)));
  const failed = numFailedTests + testResults.filter(isBroken).length;
  if (failed > 0 || code === 0) return { passed: numPassedTests, failed, failures };
  const why = `${name}: vitest ended with exit code ${code}, although no test failed: read its output above.`;
  return { passed: numPassedTests, failed: 1, failures: [why] };
}

function failuresIn(run: string, file: ReportedFile, isBroken: boolean): readonly string[] {
  const place = `${run}: ${relative(root, file.name)}`;
  if (isBroken) return [`${place}\n${file.message ?? "It could not be loaded."}`];
  return file.assertionResults
    .filter(({ status }) => status === "failed")
    .map(({ fullName, failureMessages }) => `${place}\n${fullName}\n${(failureMessages ?? []).join("\n")}`);
}
