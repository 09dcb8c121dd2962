import { availableParallelism } from "node:os";
import { brokerNames, urlVariable } from "@waybill/local-brokers";
import {
  type BrokerJob,
  brokerJobs,
  filesThatMeasure,
  jobVariable,
  type Pass,
  passVariable,
} from "./broker-jobs.ts";
import { heading } from "./heading.ts";
import { testNames } from "./measured-tests.ts";
import { Progress } from "./progress.ts";
import { onBrokers, runVitest, type VitestResult } from "./vitest.ts";

export interface BrokerTestsOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** Chooses jobs. Default: all. */
  readonly only?: (job: BrokerJob) => boolean;
}

/** One vitest process for each processor, since every one of them has a broker at work beside it. */
function processCount(env: NodeJS.ProcessEnv): number {
  const asked = Number(env.WAYBILL_TEST_PROCESSES);
  return Number.isInteger(asked) && asked >= 1 ? asked : Math.max(2, availableParallelism());
}

/**
 * Runs the tests that need a broker: first the brokers side by side, then, one
 * broker after the other, the tests that measure time.
 */
export async function testBrokers(options: BrokerTestsOptions): Promise<readonly VitestResult[]> {
  const jobs = brokerJobs().filter(options.only ?? (() => true));
  const most = processCount(options.env);
  heading(`Tests on brokers, ${most} processes at a time: ${jobs.map(({ name }) => name).join(", ")}`);
  const results = await run("side-by-side", jobs, most, options);

  heading("Tests that measure time, one broker at a time");
  const measuring = jobs.filter((job) => filesThatMeasure(job).length > 0);
  return [...results, ...(await run("alone", measuring, 1, options))];
}

async function run(
  pass: Pass,
  jobs: readonly BrokerJob[],
  most: number,
  { env, signal }: BrokerTestsOptions,
): Promise<readonly VitestResult[]> {
  const progress = new Progress(jobs.map(({ name }) => name));
  const waiting = [...jobs];
  const results: VitestResult[] = [];
  const work = async () => {
    for (let job = waiting.shift(); job !== undefined && !signal.aborted; job = waiting.shift()) {
      const { name } = job;
      progress.start(name);
      const result = await runVitest({
        name: pass === "alone" ? `${name}-measured` : name,
        args: [...onBrokers, "--testNamePattern", testNames[pass]],
        reporter: "verbose",
        env: environmentOf(job, pass, env),
        signal,
        onLine: (line) => progress.line(name, line),
      });
      results.push(result);
      progress.end(name, result);
    }
  };
  try {
    await Promise.all(Array.from({ length: most }, work));
  } finally {
    progress.stop();
  }
  return results;
}

/** A test sees its own broker only: the others may be down at any moment. */
function environmentOf({ name, broker }: BrokerJob, pass: Pass, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own: NodeJS.ProcessEnv = { ...env, [jobVariable]: name, [passVariable]: pass };
  for (const other of brokerNames) if (other !== broker) delete own[urlVariable(other)];
  return own;
}
