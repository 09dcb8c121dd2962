import type { Job } from "./pool.ts";
import { runSupervised } from "./supervised.ts";
import type { VitestResult } from "./vitest.ts";

const suite = "scripts/runtimes/memory-suite.ts";

/** The runtimes beside Node, and how each is told to run a file. */
const runtimes = [
  { name: "bun", args: ["run", suite] },
  { name: "deno", args: ["run", "--allow-all", "--no-lock", suite] },
] as const;

/** The conformance suite on the embedded broker, on every runtime beside Node. */
export function runtimeJobs(signal: AbortSignal): readonly Job[] {
  return runtimes.map(({ name, args }) => ({
    name,
    async run(onLine) {
      const failures: string[] = [];
      let last = "";
      const read = (line: string) => {
        onLine(line);
        last = line;
        if (line.startsWith("FAILED")) failures.push(`${name}: ${line}`);
      };
      const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1" };
      const code = await runSupervised(name, args, { env, signal, onLine: read });
      return resultOf(name, code, last, failures);
    },
  }));
}

/** Its last line is the tally. One that ends before it has proven nothing. */
function resultOf(name: string, code: number, last: string, failures: readonly string[]): VitestResult {
  const [, passed = "0", failed = "0"] = /^(\d+) passed, (\d+) failed$/.exec(last) ?? [];
  const isWhole = Number(passed) > 0 && (code === 0) === (failed === "0");
  if (isWhole) return { passed: Number(passed), failed: Number(failed), failures };
  return { passed: 0, failed: 1, failures: [`${name}: it ended with exit code ${code}: ${last}`] };
}
