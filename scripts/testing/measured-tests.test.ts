import { describe, expect, it } from "vitest";
import { testNames } from "./measured-tests.ts";

const sideBySide = new RegExp(testNames["side-by-side"]);
const alone = new RegExp(testNames.alone);

describe("tests that measure time", () => {
  it.each([
    "redis conformance time, alone time.delay: A delayed message comes no earlier than asked for.",
    "kafka conformance backoff, alone backoff.exponential: Retries come no earlier than their backoff.",
    "kafka conformance backoff, alone backoff.exponential-keyed: Retries of a keyed message keep the bounds.",
    "delays [measured] come in time",
  ])("run alone: %s", (name) => {
    expect([sideBySide.test(name), alone.test(name)]).toEqual([false, true]);
  });

  it.each([
    "redis conformance time time.delay-in-a-topic: A delayed publish reaches every group.",
    "redis conformance faults, alone faults.broker-killed: A broker that is killed has kept all.",
    "the examples on redis 01-start-here.ts prints what it should",
  ])("leave others to the first pass: %s", (name) => {
    expect([sideBySide.test(name), alone.test(name)]).toEqual([true, false]);
  });

  it("leave a report in both passes", () => {
    const name = "redis conformance writes its report";
    expect([sideBySide.test(name), alone.test(name)]).toEqual([true, true]);
  });
});
