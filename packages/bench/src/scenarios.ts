import type { Contestant } from "./contestant.ts";

/** What is measured. Answers messages per second. */
export interface Scenario {
  readonly name: string;
  run(contestant: Contestant, scale: number): Promise<number>;
}

const outstanding = 1_000;

/** `scale`: how many messages make a round long enough for this broker. One by one takes a fiftieth of it. */
export const scenarios: readonly Scenario[] = [
  {
    name: "publish, 1 outstanding",
    async run(contestant, scale) {
      const count = Math.ceil(scale / 50);
      return perSecond(count, await timed(() => contestant.publishOneByOne(count)));
    },
  },
  {
    name: "publish, 1000 outstanding",
    async run(contestant, scale) {
      return perSecond(scale, await timed(() => contestant.publishOutstanding(scale, outstanding)));
    },
  },
  {
    name: "consume, each settled",
    async run(contestant, scale) {
      await contestant.publishOutstanding(scale, outstanding);
      return perSecond(scale, await contestant.consume(scale));
    },
  },
];

async function timed(run: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}

function perSecond(count: number, ms: number): number {
  return (count / ms) * 1_000;
}
