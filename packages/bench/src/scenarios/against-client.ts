import type { Contestant } from "../contestant.ts";
import { waybill } from "../ours.ts";
import { perSecond, rate, type Scenario, sideOf } from "../scenario.ts";

const outstanding = 1_000;

const ours = waybill({ concurrency: 100, prefetch: 2_000 });

/** The same as the vendor's client does when it is tuned by hand. */
export const againstClient: readonly Scenario[] = [
  // One by one takes a fiftieth of the messages for the same time.
  scenario("publish, 1 outstanding", (contestant, scale) => {
    const count = Math.ceil(scale / 50);
    return perSecond(count, () => contestant.publishOneByOne(count));
  }),
  scenario("publish, 1000 outstanding", (contestant, scale) =>
    perSecond(scale, () => contestant.publishOutstanding(scale, outstanding)),
  ),
  scenario("consume, each settled", async (contestant, scale) => {
    await contestant.publishOutstanding(scale, outstanding);
    return rate(scale, await contestant.consume(scale));
  }),
];

function scenario(
  name: string,
  measure: (contestant: Contestant, scale: number) => Promise<number>,
): Scenario {
  return {
    name,
    unit: "/s",
    sides: ({ raw, scale }) => ({
      ours: sideOf(ours, (contestant) => measure(contestant, scale)),
      against: sideOf(raw, (contestant) => measure(contestant, scale)),
    }),
  };
}
