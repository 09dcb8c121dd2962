import { brokerNames, statusOf, urlVariable } from "@waybill/local-brokers";
import { defineConfig } from "vitest/config";
import { brokerJobs, chosenJob } from "./scripts/testing/broker-jobs.ts";
import { statusOfRunning } from "./scripts/testing/broker-status.ts";
import { endWithParent } from "./scripts/testing/end-with-parent.ts";
import { mayKillBrokers } from "./scripts/testing/may-kill.ts";
import { sourceConditions } from "./vitest.config.ts";

const job = chosenJob(process.env);
if (job !== undefined) endWithParent();

// Whatever runs now is tested: named by the environment, started here, or found listening. `npm run test:all` has
// started all of them.
const look = mayKillBrokers() ? statusOfRunning : statusOf;
const names = job === undefined ? brokerNames : brokerNames.filter((name) => name === job.broker);
const up = (await look(names)).filter(({ state }) => state === "up");
const absent = brokerNames.filter((name) => !up.some((broker) => broker.name === name));

/** Tests against real brokers, one file at a time: they measure time, and break what they run on. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: [...new Set((job === undefined ? brokerJobs() : [job]).flatMap(({ files }) => files))],
    exclude: ["**/node_modules/**", ...absent.map((name) => `packages/${name}/**`)],
    env: Object.fromEntries(up.map(({ name, url }) => [urlVariable(name), url ?? ""])),
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
