import { chooseAmong } from "../choose.ts";
import { reportingProblems } from "./brokers-problem.ts";

export const brokers = chooseAmong(
  "waybill brokers",
  "Starts, shows and stops real brokers on this computer, and emulators of cloud services.",
  [
    {
      name: "up",
      summary: "start brokers, or find the ones that run",
      load: async () => reportingProblems((await import("./brokers-up.ts")).brokersUp),
    },
    {
      name: "status",
      summary: "show which brokers there are and how to reach them",
      load: async () => reportingProblems((await import("./brokers-status.ts")).brokersStatus),
    },
    {
      name: "down",
      summary: "stop what `up` started, and remove its data",
      load: async () => reportingProblems((await import("./brokers-down.ts")).brokersDown),
    },
  ],
);
