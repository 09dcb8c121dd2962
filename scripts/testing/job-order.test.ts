import { expect, it } from "vitest";
import { brokerJobs } from "./broker-jobs.ts";
import { longestFirst, measuredMinutes } from "./job-order.ts";
import { runtimeJobs } from "./runtimes.ts";

it("the longest job starts first, and before all one that was never measured", () => {
  const jobs = ["local-brokers", "redis", "nats", "sns-sqs", "deno"].map((name) => ({ name }));
  const order = longestFirst(jobs).map(({ name }) => name);
  expect(order).toEqual(["nats", "sns-sqs", "redis", "deno", "local-brokers"]);
});

it("everything that was measured is still a job", () => {
  const jobs = [...brokerJobs(), ...runtimeJobs(new AbortController().signal)].map(({ name }) => name);
  expect(jobs).toEqual(expect.arrayContaining([...measuredMinutes.keys()]));
});
