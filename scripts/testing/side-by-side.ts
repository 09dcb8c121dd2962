import { availableParallelism } from "node:os";
import { brokerNames, urlVariable } from "@waybill/local-brokers";
import { type BrokerJob, brokerJobs, filesThatMeasure, jobVariable } from "./broker-jobs.ts";
import { heading } from "./heading.ts";
import { longestFirst } from "./job-order.ts";
import { testNames } from "./measured-tests.ts";
import { numberFrom } from "./number-from.ts";
import { inPass, type Pass } from "./pass.ts";
import { type Job, runPool } from "./pool.ts";
import { onBrokers, runVitest, type VitestResult } from "./vitest.ts";

export interface BrokerTestsOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
  /** How many run at a time, unless they measure time. */
  readonly processes: number;
  /** Chooses among the brokers' jobs. Default: all. */
  readonly only?: (job: BrokerJob) => boolean;
  /** Jobs without a broker, to be run beside the others. Default: none. */
  readonly beside?: readonly Job[];
}

/** How many are asked for; else one for each processor, since every one of them has a broker at work beside it. */
export function processCount(env: NodeJS.ProcessEnv): number {
  return Math.floor(numberFrom("WAYBILL_TEST_PROCESSES", 64, env) ?? Math.max(2, availableParallelism()));
}

/**
 * Runs the tests that need a broker: first the brokers side by side, then, one
 * broker after the other, the tests that measure time.
 */
export async function testBrokers(options: BrokerTestsOptions): Promise<readonly VitestResult[]> {
  const { env, signal, processes, only = () => true, beside = [] } = options;
  const brokers = brokerJobs().filter(only);
  const jobs = longestFirst([
    ...brokers.map((one) => vitestJob(one, "side-by-side", env, signal)),
    ...beside,
  ]);
  heading(`Tests on brokers, ${processes} processes at a time: ${jobs.map(({ name }) => name).join(", ")}`);
  const results = await runPool(jobs, processes, signal);

  heading("Tests that measure time, one broker at a time");
  const measuring = brokers.filter((one) => filesThatMeasure(one).length > 0);
  const alone = measuring.map((one) => vitestJob(one, "alone", env, signal));
  return [...results, ...(await runPool(alone, 1, signal))];
}

function vitestJob(job: BrokerJob, pass: Pass, env: NodeJS.ProcessEnv, signal: AbortSignal): Job {
  const { name } = job;
  return {
    name,
    run: (onLine) =>
      runVitest({
        name: pass === "alone" ? `${name}-measured` : name,
        args: [...onBrokers, "--testNamePattern", testNames[pass]],
        reporter: "lines",
        env: environmentOf(job, pass, env),
        signal,
        onLine,
      }),
  };
}

/** A test sees its own broker only: the others may be down at any moment. */
function environmentOf({ name, broker }: BrokerJob, pass: Pass, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = inPass(pass, { ...env, [jobVariable]: name });
  for (const other of brokerNames) if (other !== broker) delete own[urlVariable(other)];
  return own;
}
