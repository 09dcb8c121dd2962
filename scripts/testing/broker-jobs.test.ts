import { globSync } from "node:fs";
import { brokerNames } from "@waybill/local-brokers";
import { expect, it } from "vitest";
import { root } from "../workspace.ts";
import { brokerJobs, chosenJob, jobVariable } from "./broker-jobs.ts";

const files = brokerJobs().flatMap((job) => job.files);

it("every test that needs a broker belongs to exactly one job", () => {
  const all = globSync("packages/*/{src,test}/**/*.broker.test.ts", { cwd: root });
  expect(files.filter((file) => file.startsWith("packages/")).sort()).toEqual(all.sort());
});

it("the examples run on every broker, beside nothing else that uses it", () => {
  const examples = files.filter((file) => file.startsWith("examples/"));
  expect(examples).toHaveLength(brokerNames.length);
});

it("a job of an unknown name is refused", () => {
  expect(() => chosenJob({ [jobVariable]: "rdis" })).toThrow(
    "WAYBILL_TEST_JOB=rdis is no job: choose one of ",
  );
});
