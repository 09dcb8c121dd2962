import { describe, expect, test } from "vitest";
import { faultyDrivers } from "../src/faulty-drivers/index.ts";
import { conformanceCases } from "../src/run/cases.ts";
import { runCases } from "../src/run/run-cases.ts";
import { allCases } from "../src/suites/index.ts";
import { stubTarget } from "./stub-target.ts";

describe("the cases", () => {
  test("are more than 120, each with an id of its own and a sentence for a title", () => {
    expect(allCases.length).toBeGreaterThan(120);
    expect(new Set(allCases.map(({ id }) => id)).size).toBe(allCases.length);
    for (const { id, title } of allCases) {
      expect(title, id).toMatch(/^[A-Z0-9`]/);
      expect(id).toMatch(/^[a-z-]+\.[a-z0-9-]+$/);
    }
  });

  test("prove every guarantee", () => {
    expect(new Set(allCases.map(({ guarantee }) => guarantee)).size).toBe(13);
  });

  test("are what the faulty drivers name", () => {
    const ids = new Set(allCases.map(({ id }) => id));
    expect(faultyDrivers.length).toBeGreaterThanOrEqual(15);
    expect(new Set(faultyDrivers.map(({ name }) => name)).size).toBe(faultyDrivers.length);
    for (const { caughtBy } of faultyDrivers) for (const id of caughtBy) expect(ids).toContain(id);
  });
});

const passes = "naming.illegal-topic";
const fails = "delivery.one-by-queue";
const otherFails = "delivery.one-by-topic";

describe("a run", () => {
  test("tells what passed and what failed", async () => {
    const told: string[] = [];
    const report = await runCases(stubTarget(), {
      filter: [passes, fails],
      onResult: ({ id }) => told.push(id),
    });
    expect(report.cases.map(({ id, outcome }) => [id, outcome])).toEqual([
      [fails, "failed"],
      [passes, "passed"],
    ]);
    expect(told.sort()).toEqual([fails, passes].sort());
    expect(report.totals).toEqual({ passed: 1, failed: 1, refused: 0, quirks: 0, notRun: 0 });
    expect(report.broker).toEqual({ name: "stub", version: null });
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({
      adapter: "stub",
      capabilities: { attempts: "exact" },
    });
  });

  test("takes a quirk for an expected failure, and its passing for a failure", async () => {
    const quirks = [
      { case: fails, reason: "There is no broker." },
      { case: passes, reason: "It was so once." },
    ];
    const report = await runCases(stubTarget({ quirks }), { filter: [passes, fails] });
    const [failing, passing] = report.cases;
    expect(failing).toMatchObject({ outcome: "quirk", reason: "There is no broker." });
    expect(passing?.outcome).toBe("failed");
    expect(passing?.reason).toContain("no quirk any more");
  });

  test("takes a quirk that comes and goes either way, and no failure with other words for it", async () => {
    const reason = "It is a race.";
    const quirks = [
      { case: fails, reason, sometimes: true, failure: /no broker/ },
      { case: otherFails, reason, sometimes: true, failure: /reordered/ },
      { case: passes, reason, sometimes: true },
    ];
    const report = await runCases(stubTarget({ quirks }), { filter: [passes, fails, otherFails] });
    const outcomes = report.cases.map(({ id, outcome, reason }) => [id, outcome, reason]);
    expect(outcomes).toContainEqual([fails, "quirk", reason]);
    expect(outcomes).toContainEqual([otherFails, "failed", expect.stringContaining("no broker")]);
    expect(outcomes).toContainEqual([passes, "passed", undefined]);
  });

  test("knows no quirk that names no case", () => {
    const quirks = [{ case: "delivery.nothing-like-it", reason: "So." }];
    expect(() => conformanceCases(stubTarget({ quirks }))).toThrow(
      'No case has the id "delivery.nothing-like-it"',
    );
  });

  test("says of what lacks a part of the target that it was not run, and which part", async () => {
    const report = await runCases(stubTarget(), {
      filter: ["external-clients.to-topic", "settlement.settle-after-the-lease"],
    });
    expect(report.cases.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ["not-run", 'the target does not give "externalClient"'],
      ["not-run", "does not apply: the broker has no lease"],
    ]);
  });

  test("asks for the refusal of what the driver has not", async () => {
    const report = await runCases(stubTarget(), { filter: ["time.delay"] });
    expect(report.cases[0]).toMatchObject({ capability: "delay", outcome: "failed" });
    expect(report.cases[0]?.reason).toContain("stub");
  });
});
