import { type CaseResult, conformanceCases, runCases } from "@waybill/conformance";
import { type FaultyDriver, faultyDrivers, withFault } from "@waybill/conformance/faulty-drivers";
import { describe, expect, test } from "vitest";
import { target } from "../src/conformance.ts";

/** Runs the cases meant for a faulty driver, with it or without. */
async function run(faultyDriver: FaultyDriver, broken: boolean): Promise<readonly CaseResult[]> {
  const plain = target();
  const { cases } = await runCases(broken ? withFault(plain, faultyDriver) : plain, {
    filter: faultyDriver.caughtBy,
    timeoutScale: faultyDriver.timeoutScale ?? 0.1,
  });
  expect(cases.map(({ id }) => id).sort()).toEqual([...faultyDriver.caughtBy].sort());
  return cases;
}

/** What these measure, the memory of a process say, others beside them would change. */
const exclusive = new Set(
  conformanceCases(target())
    .filter((each) => each.exclusive)
    .map(({ id }) => id),
);
const { alone = [], together = [] } = Object.groupBy(faultyDrivers, ({ caughtBy }) =>
  caughtBy.some((id) => exclusive.has(id)) ? "alone" : "together",
);

describe.concurrent("the conformance suite", () => catches(together));
describe("the conformance suite, with nothing beside it,", () => catches(alone));

function catches(drivers: readonly FaultyDriver[]): void {
  for (const faultyDriver of drivers) {
    test(`catches the faulty driver that ${lowerFirst(faultyDriver.fault)}`, {
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
}

const lowerFirst = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1, -1);
