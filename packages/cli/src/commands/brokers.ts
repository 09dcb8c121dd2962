import { chooseAmong } from "../choose.ts";
import { tellingProblems } from "./brokers-problem.ts";

export const brokers = chooseAmong(
  "waybill brokers",
  "Starts, shows and stops real brokers on this computer, and what stands in for those that only clouds have.",
  [
    {
      name: "up",
      summary: "start brokers, or find the ones that run",
      load: async () => tellingProblems((await import("./brokers-up.ts")).brokersUp),
    },
    {
      name: "status",
      summary: "show which brokers there are and how to reach them",
      load: async () => tellingProblems((await import("./brokers-status.ts")).brokersStatus),
    },
    {
      name: "down",
      summary: "stop what `up` started, and remove its data",
      load: async () => tellingProblems((await import("./brokers-down.ts")).brokersDown),
    },
  ],
);
