import type { CommandEntry } from "../command.ts";

/** Every command of `waybill`. To add one, write its file in this folder and add its line here. */
export const commands: readonly CommandEntry[] = [
  {
    name: "brokers",
    summary: "start, show and stop real brokers on this computer",
    load: async () => (await import("./brokers.ts")).brokers,
  },
  {
    name: "conformance",
    summary: "prove what holds on a broker and what does not",
    load: async () => (await import("./conformance.ts")).conformance,
  },
];
