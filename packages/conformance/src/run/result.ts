import type { Capabilities, Feature } from "@waybill/core/spi";
import type { GuaranteeId } from "../case.ts";
import type { Counts } from "../history.ts";

/**
 * - `passed`, `failed`: as they say; a firm quirk whose case passes is a failure.
 * - `refused`: the broker lacks the feature, and its refusal was proven.
 * - `quirk`: failed as the adapter says it does.
 * - `not-run`: the target lacks a part, or the case means nothing on this broker.
 */
export type Outcome = "passed" | "failed" | "refused" | "quirk" | "not-run";

export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly guarantee: GuaranteeId;
  /** The feature that the case is about, if it is about one. */
  readonly capability: Feature | null;
  readonly outcome: Outcome;
  readonly ms: number;
  readonly counts: Counts;
  /** What it measured, such as `recoveryMs`. */
  readonly measures?: Readonly<Record<string, number>>;
  /** Why it failed, is a quirk, or was not run. */
  readonly reason?: string;
  /** The stack of a failure. */
  readonly stack?: string;
}

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly refused: number;
  readonly quirks: number;
  readonly notRun: number;
}

/** What the suite found out about one adapter on one broker. Plain data, to be written as JSON. */
export interface Report {
  readonly adapter: string;
  readonly driver: string;
  readonly broker: { readonly name: string; readonly version: string | null };
  readonly totals: Totals;
  readonly capabilities: Capabilities;
  readonly cases: readonly CaseResult[];
}

export function totalsOf(results: readonly CaseResult[]): Totals {
  const count = (outcome: Outcome) => results.filter((result) => result.outcome === outcome).length;
  return {
    passed: count("passed"),
    failed: count("failed"),
    refused: count("refused"),
    quirks: count("quirk"),
    notRun: count("not-run"),
  };
}
