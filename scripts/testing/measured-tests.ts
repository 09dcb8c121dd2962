import type { Report } from "@waybill/conformance";
import type { Pass } from "./pass.ts";

/**
 * Cases of the suite that fail when something comes too late by the clock. They run
 * when nothing else does, since another process at work would be measured with them.
 * Other tests say `[measured]` in their name.
 */
const measuredCases = [
  "backoff.exponential",
  "backoff.exponential-keyed",
  "retrying.with-delay",
  "time.delay",
];

/** What matches the whole name of such a test, that of the suite around it included. */
const measured = `\\[measured\\]|\\b(?:${measuredCases.map((id) => id.replaceAll(".", "\\.")).join("|")}): `;

/** For vitest's `--testNamePattern`. A report is written in each of the two passes. */
export const testNames = {
  /** What runs side by side with other brokers' tests. */
  "side-by-side": `^(?!.*(?:${measured})).*$`,
  /** What runs when nothing else does. */
  alone: `${measured}|writes its report`,
} as const satisfies Record<Pass, string>;

/** Those that are no cases any more: they would be run side by side under their new name. */
export function unknownMeasuredCases(reports: readonly Report[]): readonly string[] {
  const known = new Set(reports.flatMap(({ cases }) => cases.map(({ id }) => id)));
  return measuredCases.filter((id) => !known.has(id));
}
