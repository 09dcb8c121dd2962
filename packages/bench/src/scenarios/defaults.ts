import type { Entrant } from "../contestant.ts";
import { waybill } from "../ours.ts";
import { rate, type Scenario, sideOf } from "../scenario.ts";

/** A subscription with no options against the same one tuned by hand. 0.8 is the least that will do. */
export const defaults: Scenario = {
  name: "defaults : 500 at once",
  unit: "/s",
  sides: ({ scale }) => {
    const side = (enter: Entrant) =>
      sideOf(enter, async (contestant) => {
        await contestant.publishOutstanding(scale, 1_000);
        return rate(scale, await contestant.consume(scale));
      });
    return { ours: side(waybill({})), against: side(waybill({ concurrency: 500 })) };
  },
};
