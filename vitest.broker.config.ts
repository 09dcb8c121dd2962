import { brokerNames, statusOf, urlVariable } from "@waybill/local-brokers";
import { defineConfig } from "vitest/config";
import { mayKillVariable, statusOfRunning } from "./scripts/testing/broker-status.ts";
import { sourceConditions } from "./vitest.config.ts";

// Whatever runs now is tested: named by the environment, started here, or found listening. `npm run test:all` has
// started all of them.
const look = process.env[mayKillVariable] === "1" ? statusOfRunning : statusOf;
const up = (await look(brokerNames)).filter(({ state }) => state === "up");
const absent = brokerNames.filter((name) => !up.some((broker) => broker.name === name));

/** Tests against real brokers, one file at a time: they measure time, and break what they run on. */
export default defineConfig({
  ...sourceConditions,
  test: {
    include: ["packages/*/{src,test}/**/*.broker.test.ts", "examples/test/**/*.broker.test.ts"],
    exclude: ["**/node_modules/**", ...absent.map((name) => `packages/${name}/**`)],
    env: Object.fromEntries(up.map(({ name, url }) => [urlVariable(name), url ?? ""])),
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
