import { Progress } from "./progress.ts";
import type { VitestResult } from "./vitest.ts";

/** Tests in a process of their own. */
export interface Job {
  readonly name: string;
  /** Resolves when the process has ended; never rejects for a test that fails. */
  run(onLine: (line: string) => void): Promise<VitestResult>;
}

/** Runs jobs in this order, no more than `most` at a time, and tells of each what it prints. */
export async function runPool(
  jobs: readonly Job[],
  most: number,
  signal: AbortSignal,
): Promise<readonly VitestResult[]> {
  const progress = new Progress(jobs.map(({ name }) => name));
  const waiting = [...jobs];
  const results: VitestResult[] = [];
  const work = async () => {
    while (!signal.aborted) {
      const job = waiting.shift();
      if (job === undefined) return;
      const { name } = job;
      progress.start(name);
      const result = await job.run((line) => progress.line(name, line));
      results.push(result);
      progress.end(name, result);
    }
  };
  try {
    await Promise.all(Array.from({ length: most }, work));
  } finally {
    progress.stop();
  }
  const left = waiting.map(({ name }): VitestResult => {
    return { passed: 0, failed: 1, failures: [`${name}: it was not run, since the run was ended before.`] };
  });
  return [...results, ...left];
}
