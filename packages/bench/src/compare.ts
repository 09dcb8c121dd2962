import type { Entrant } from "./contestant.ts";
import type { Scenario } from "./scenarios.ts";

/** One line of the result. `ours` and `raw` are messages per second, medians over the rounds. */
export interface Comparison {
  readonly adapter: string;
  readonly scenario: string;
  readonly ours: number;
  readonly raw: number;
  /** The median of the rounds' ratios, ours to raw. 1 = as fast as the client by hand. */
  readonly ratio: number;
  /** The lowest and the highest of the rounds' ratios. */
  readonly spread: readonly [number, number];
}

export interface CompareOptions {
  readonly adapter: string;
  readonly url: string;
  readonly ours: Entrant;
  readonly raw: Entrant;
  readonly scale: number;
  readonly rounds: number;
}

/**
 * Runs a scenario in interleaved rounds: ours and raw in turn, and which goes first
 * in turn too, so that a machine that warms up or slows down treats both alike. One
 * more round before them is not counted.
 */
export async function compare(scenario: Scenario, options: CompareOptions): Promise<Comparison> {
  const { adapter, url, scale, rounds } = options;
  const once = async (enter: Entrant) => {
    const contestant = await enter(url);
    try {
      return await scenario.run(contestant, scale);
    } finally {
      await contestant.close();
    }
  };
  const pairs: { readonly ours: number; readonly raw: number }[] = [];
  for (let round = 0; round <= rounds; round++) {
    const oursFirst = round % 2 === 0;
    const first = await once(oursFirst ? options.ours : options.raw);
    const second = await once(oursFirst ? options.raw : options.ours);
    if (round > 0) pairs.push(oursFirst ? { ours: first, raw: second } : { ours: second, raw: first });
  }
  const ratios = pairs.map((pair) => pair.ours / pair.raw);
  return {
    adapter,
    scenario: scenario.name,
    ours: Math.round(median(pairs.map((pair) => pair.ours))),
    raw: Math.round(median(pairs.map((pair) => pair.raw))),
    ratio: rounded(median(ratios)),
    spread: [rounded(Math.min(...ratios)), rounded(Math.max(...ratios))],
  };
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
