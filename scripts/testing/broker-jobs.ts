import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BrokerName, brokerNames } from "@waybill/local-brokers";
import { root } from "../workspace.ts";
import { isMeasuring } from "./pass.ts";

/** Test files that one vitest process runs, one after the other. */
export interface BrokerJob {
  readonly name: string;
  /** The broker that its tests find. None: they start what they need themselves. */
  readonly broker: BrokerName | undefined;
  /** From the root of the repository. */
  readonly files: readonly string[];
}

/** Which job a vitest process is to run: the name of one. Without it, it runs the files of all. */
export const jobVariable = "WAYBILL_TEST_JOB";

/** Starts another emulator of the same cloud, and so disturbs nobody. */
const pstestFiles = "packages/google-pubsub/test/pstest.broker.test.ts";

/** One job for each broker, so that a broker that a test breaks disturbs no other test, and one for what is left. */
export function brokerJobs(): readonly BrokerJob[] {
  const all = find("packages/*/{src,test}/**/*.broker.test.ts");
  const examples = find("examples/test/**/*.broker.test.ts");
  const jobs = brokerNames.map((broker): BrokerJob => {
    const own = all.filter((file) => file.startsWith(`packages/${broker}/`) && file !== pstestFiles);
    return { name: broker, broker, files: [...own, ...examples] };
  });
  const taken = new Set([...jobs.flatMap(({ files }) => files), pstestFiles]);
  const left: readonly BrokerJob[] = [
    { name: "google-pubsub-pstest", broker: "google-pubsub", files: find(pstestFiles) },
    { name: "local-brokers", broker: undefined, files: all.filter((file) => !taken.has(file)) },
  ];
  return [...jobs, ...left].filter(({ files }) => files.length > 0);
}

/** The job that the environment of a vitest process names, with the files of its pass. */
export function chosenJob(env: NodeJS.ProcessEnv): BrokerJob | undefined {
  const name = env[jobVariable];
  if (name === undefined) return undefined;
  const job = brokerJobs().find((one) => one.name === name);
  if (job === undefined)
    throw new Error(
      `${jobVariable}=${name} is no job: choose one of ${brokerJobs()
        .map((one) => one.name)
        .join(", ")}.`,
    );
  return isMeasuring(env) ? { ...job, files: filesThatMeasure(job) } : job;
}

/** The files that may have tests which measure time: see `measured-tests.ts`. */
export function filesThatMeasure({ files }: BrokerJob): readonly string[] {
  return files.filter((file) => /runConformance\(|\[measured\]/.test(readFileSync(join(root, file), "utf8")));
}

function find(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: root }).sort();
}
