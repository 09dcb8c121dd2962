import type { Entry } from "./entries.ts";
import type { Scenario, Side } from "./scenario.ts";

/** One line of the result. `ours` and `against` are in the scenario's unit, medians over the rounds. */
export interface Comparison {
  readonly adapter: string;
  readonly scenario: string;
  readonly unit: Scenario["unit"];
  readonly ours: number;
  readonly against: number;
  /** The median of the rounds' ratios. 1 = as good as what it is compared with; more is better, whatever the unit. */
  readonly ratio: number;
  /** The lowest and the highest of the rounds' ratios. */
  readonly spread: readonly [number, number];
}

/**
 * Runs a scenario in interleaved rounds: the two sides in turn, and which goes first
 * in turn too, so that a machine that warms up or slows down treats both alike. One
 * more round before them is not counted. Undefined where the scenario has nothing
 * to compare on this broker.
 */
export async function compare(
  scenario: Scenario,
  entry: Entry,
  url: string,
  rounds: number,
): Promise<Comparison | undefined> {
  const sides = scenario.sides(entry);
  if (sides === undefined) return undefined;
  const pairs: { readonly ours: number; readonly against: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = await runBoth(sides.ours, sides.against, round % 2 === 0, url);
    if (round > 0) pairs.push(pair);
  }
  const ratios = pairs.map(({ ours, against }) => (scenario.unit === "ms" ? against / ours : ours / against));
  return {
    adapter: entry.adapter,
    scenario: scenario.name,
    unit: scenario.unit,
    ours: Math.round(median(pairs.map((pair) => pair.ours))),
    against: Math.round(median(pairs.map((pair) => pair.against))),
    ratio: rounded(median(ratios)),
    spread: [rounded(Math.min(...ratios)), rounded(Math.max(...ratios))],
  };
}

async function runBoth(ours: Side, against: Side, oursFirst: boolean, url: string) {
  if (oursFirst) return { ours: await ours(url), against: await against(url) };
  const first = await against(url);
  return { ours: await ours(url), against: first };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
