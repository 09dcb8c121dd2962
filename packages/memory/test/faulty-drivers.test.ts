import { type CaseResult, runCases } from "@waybill/conformance";
import { type FaultyDriver, faultyDrivers, sabotaged } from "@waybill/conformance/faulty-drivers";
import { describe, expect, test } from "vitest";
import { target } from "../src/conformance.ts";

/** Runs the cases meant for a faultyDriver, with it or without. */
async function run(faultyDriver: FaultyDriver, broken: boolean): Promise<readonly CaseResult[]> {
  const honest = target();
  const { cases } = await runCases(broken ? sabotaged(honest, faultyDriver) : honest, {
    filter: faultyDriver.caughtBy,
    patience: faultyDriver.patience ?? 0.1,
  });
  expect(cases.map(({ id }) => id).sort()).toEqual([...faultyDriver.caughtBy].sort());
  return cases;
}

describe.concurrent("the conformance suite", () => {
  for (const faultyDriver of faultyDrivers) {
    test(`catches the faulty driver that ${lowerFirst(faultyDriver.manner)}`, {
      timeout: 120_000,
    }, async () => {
      for (const { id, outcome, reason } of await run(faultyDriver, false)) {
        expect(`${id} ${outcome} ${reason ?? ""}`).toBe(`${id} passed `);
      }
      for (const { id, outcome } of await run(faultyDriver, true)) {
        expect(`${id} ${outcome}`).toBe(`${id} failed`);
      }
    });
  }
});

const lowerFirst = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1, -1);
