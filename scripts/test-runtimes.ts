// `npm run test:runtimes`: the conformance suite on the embedded broker, on Bun and Deno.
import { addUp, inWords } from "./tally.ts";
import { printFailures } from "./testing/failures.ts";
import { runPool } from "./testing/pool.ts";
import { runLimit } from "./testing/run-limit.ts";
import { runtimeJobs } from "./testing/runtimes.ts";

const signal = runLimit(10);
const jobs = runtimeJobs(signal);
const results = await runPool(jobs, jobs.length, signal);
printFailures(results);
const total = addUp(results);
console.log(`\n${inWords(total)}`);
process.exit(total.failed === 0 && !signal.aborted ? 0 : 1);
