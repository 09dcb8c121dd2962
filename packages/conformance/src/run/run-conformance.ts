import type { ConformanceTarget } from "../target.ts";
import { type ConformanceCase, conformanceCases } from "./cases.ts";
import { Limit } from "./limit.ts";
import { reportOn } from "./report.ts";
import type { CaseResult, Report } from "./result.ts";
import { type CaseFilter, chosen } from "./run-cases.ts";

/** The part of a test runner that the suite uses: Vitest's, Jest's, Mocha's or `node:test`'s `describe` and `it`. */
export interface TestRunner {
  // biome-ignore lint/suspicious/noExplicitAny: runners differ in what they return and allow
  readonly describe: (name: string, body: () => void) => any;
  readonly it: {
    // biome-ignore lint/suspicious/noExplicitAny: as above
    (name: string, body: () => Promise<void>, timeoutMs?: number): any;
    /** For cases that are not run. Without it they pass, and their title says why they were not run. */
    // biome-ignore lint/suspicious/noExplicitAny: as above
    readonly skip?: (name: string, body: () => Promise<void>) => any;
  };
}

export interface ConformanceOptions {
  readonly runner: TestRunner;
  readonly target: ConformanceTarget;
  /** Only these cases: ids, suites, or a function. Default: all. */
  readonly only?: CaseFilter;
  /** How many cases run at once, but for those that must run alone. Default 4. */
  readonly parallel?: number;
  /** Runs every case so many times at once, those that must run alone excepted. Default 1. */
  readonly stress?: number;
  /** Called with the report when all tests of the suite have run. */
  readonly onReport?: (report: Report) => unknown;
}

/** No runner's clock is to end a case before the suite's own does. */
const spareMs = 15 * 60_000;

/**
 * Registers the suite with a test runner: one test per case. The runner starts one
 * test at a time, so the suite begins the next few on its own, and each
 * test waits for its result.
 */
export function runConformance(options: ConformanceOptions): void {
  const { runner, target, parallel = 4, stress = 1, onReport } = options;
  const cases = chosen(conformanceCases(target), options.only);
  const together = cases.filter((one) => !one.exclusive);
  const alone = cases.filter((one) => one.exclusive);
  const limit = new Limit(parallel);
  const results = new Map<string, Promise<CaseResult>>();

  const start = (one: ConformanceCase): Promise<CaseResult> => {
    let result = results.get(one.id);
    if (result === undefined) {
      result = limit.run(() => one.run({ copies: one.exclusive ? 1 : stress }));
      results.set(one.id, result);
    }
    return result;
  };

  const test = (one: ConformanceCase, body: () => Promise<CaseResult>) => {
    const name = `${one.id}: ${one.title}`;
    const run = async () => raise(await body());
    if (one.skipped === undefined) runner.it(name, run, one.timeoutMs + spareMs);
    else (runner.it.skip ?? runner.it)(`${name} [not run: ${one.skipped}]`, run);
    // A runner that skips never asks, and the report is to name the case all the same.
    if (one.skipped !== undefined) results.set(one.id, one.run());
  };

  runner.describe(`${target.adapter} conformance`, () => {
    for (const [suite, members] of Map.groupBy(together, (one) => one.suite)) {
      runner.describe(suite, () => {
        for (const one of members) {
          test(one, () => {
            const place = together.indexOf(one);
            // Not all at once: a runner that was told to run a few tests need not wait for the whole suite.
            const window = together.slice(place, place + 2 * parallel).map(start);
            return window[0] as Promise<CaseResult>;
          });
        }
      });
    }
    for (const [suite, members] of Map.groupBy(alone, (one) => one.suite)) {
      runner.describe(`${suite}, alone`, () => {
        for (const one of members) {
          test(one, async () => {
            await limit.idle();
            return start(one);
          });
        }
      });
    }
    if (onReport === undefined) return;
    runner.it(
      "writes its report",
      async () => {
        await onReport(
          await reportOn(target, await Promise.all(cases.flatMap(({ id }) => results.get(id) ?? []))),
        );
      },
      spareMs,
    );
  });
}

function raise(result: CaseResult): void {
  if (result.outcome !== "failed") return;
  const error = new Error(result.reason ?? "It failed without a reason.");
  if (result.stack !== undefined) error.stack = result.stack;
  throw error;
}
