import type { ConformanceTarget } from "../target.ts";
import { type ConformanceCase, conformanceCases } from "./cases.ts";
import { Limit } from "./limit.ts";
import { reportOn } from "./report.ts";
import type { CaseResult, Report } from "./result.ts";

/** Chooses cases: by id, by the beginning of one up to a dot (a suite), or by a function. */
export type CaseFilter = readonly string[] | ((candidate: ConformanceCase) => boolean);

export interface RunOptions {
  /** Default: all. */
  readonly filter?: CaseFilter;
  /** How many cases run at once, but for those that must run alone. Default 4. */
  readonly parallel?: number;
  /** Runs every case so many times at once, those that must run alone excepted. Default 1. */
  readonly stress?: number;
  /** How long to wait for what must come, as a share of what the cases say. Less finds failures sooner. Default 1. */
  readonly timeoutScale?: number;
  /** Called with each result as it comes. */
  readonly onResult?: (result: CaseResult) => void;
  /** Ends the run: what has not begun is not run. */
  readonly signal?: AbortSignal;
}

/** Runs the suite without a test runner. Rejects only when a quirk names no case. */
export async function runCases(target: ConformanceTarget, options: RunOptions = {}): Promise<Report> {
  const { parallel = 4, stress = 1, timeoutScale, onResult, signal } = options;
  const cases = chosen(conformanceCases(target), options.filter);
  const results = new Map<string, CaseResult>();
  const limit = new Limit(parallel);
  const run = async (one: ConformanceCase) => {
    if (signal?.aborted) return;
    const copies = one.exclusive ? 1 : stress;
    const result = await one.run({ copies, signal, timeoutScale });
    results.set(one.id, result);
    onResult?.(result);
  };
  await Promise.all(cases.filter((one) => !one.exclusive).map((one) => limit.run(() => run(one))));
  for (const one of cases) if (one.exclusive) await run(one);
  const inOrder = cases.flatMap(({ id }) => results.get(id) ?? []);
  return reportOn(target, inOrder);
}

export function chosen(
  cases: readonly ConformanceCase[],
  filter: CaseFilter | undefined,
): readonly ConformanceCase[] {
  if (filter === undefined) return cases;
  if (typeof filter === "function") return cases.filter(filter);
  return cases.filter(({ id, suite }) => filter.includes(id) || filter.includes(suite));
}
