import { type CaseResult, runCases } from "@waybill/conformance";
import { type Saboteur, sabotaged, saboteurs } from "@waybill/conformance/saboteurs";
import { describe, expect, test } from "vitest";
import { target } from "../src/conformance.ts";

/** Runs the cases meant for a saboteur, with it or without. */
async function run(saboteur: Saboteur, broken: boolean): Promise<readonly CaseResult[]> {
  const honest = target();
  const { cases } = await runCases(broken ? sabotaged(honest, saboteur) : honest, {
    filter: saboteur.caughtBy,
    patience: saboteur.patience ?? 0.1,
  });
  expect(cases.map(({ id }) => id).sort()).toEqual([...saboteur.caughtBy].sort());
  return cases;
}

describe.concurrent("the conformance suite", () => {
  for (const saboteur of saboteurs) {
    test(`catches the saboteur that ${lowerFirst(saboteur.manner)}`, { timeout: 120_000 }, async () => {
      for (const { id, outcome, reason } of await run(saboteur, false)) {
        expect(`${id} ${outcome} ${reason ?? ""}`).toBe(`${id} passed `);
      }
      for (const { id, outcome } of await run(saboteur, true)) {
        expect(`${id} ${outcome}`).toBe(`${id} failed`);
      }
    });
  }
});

const lowerFirst = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1, -1);
