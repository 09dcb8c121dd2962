import type { Contestant, Entrant } from "./contestant.ts";
import type { Entry } from "./entries.ts";

/** One round of one side: resolves to what was measured. */
export type Side = (url: string) => Promise<number>;

/** Two ways to do the same, measured in turn. */
export interface Scenario {
  readonly name: string;
  /** What is measured: `/s` messages a second, more is better; `/CPU s` the same for each second of this process's CPU time; `ms`, less is better. */
  readonly unit: "/s" | "/CPU s" | "ms";
  /** The two sides on this broker; none where there is nothing to compare. */
  sides(entry: Entry): { readonly ours: Side; readonly against: Side } | undefined;
}

/** A round with a fresh contestant. */
export function sideOf(enter: Entrant, measure: (contestant: Contestant) => Promise<number>): Side {
  return async (url) => {
    const contestant = await enter(url);
    try {
      return await measure(contestant);
    } finally {
      await contestant.close();
    }
  };
}

/** Messages a second. */
export async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return rate(count, performance.now() - startedAt);
}

/** Messages for each second of CPU time: what another process or the broker takes does not count. */
export async function perCpuSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return rate(count, (user + system) / 1_000);
}

export function rate(count: number, ms: number): number {
  return (count / ms) * 1_000;
}

/** Calls `publishOne` so often, with up to `outstanding` unconfirmed at any time. */
export async function publishMany(
  count: number,
  outstanding: number,
  publishOne: () => Promise<unknown>,
): Promise<void> {
  let left = count;
  const publisher = async () => {
    while (left-- > 0) await publishOne();
  };
  await Promise.all(Array.from({ length: outstanding }, publisher));
}
