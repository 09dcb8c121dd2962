import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.ts";

/** How many checks or tests passed and failed. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** Where commands leave their results. */
export const resultsFolder = join(root, "results");

/** Leaves a command's tally where `.ci/run` reads it. */
export function writeTally(command: string, tally: Tally): void {
  mkdirSync(resultsFolder, { recursive: true });
  writeFileSync(join(resultsFolder, `${command}.tally`), `${inWords(tally)}\n`);
}

export function inWords({ passed, failed }: Tally): string {
  return `${passed} passed, ${failed} failed`;
}

export function addUp(tallies: readonly Tally[]): Tally {
  return tallies.reduce(
    (sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }),
    { passed: 0, failed: 0 },
  );
}
