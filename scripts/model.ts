// `npm run model -- --programs 10000 --seed 1 --variant leased`: random programs on the embedded broker, each held against the guarantees.
import { parseArgs } from "node:util";

// Programs are to run the same each time: the share of the event loop that core allows itself goes by the real clock, which stands still here.
performance.now = () => 0;

const { explore } = await import("./model/explore.ts");

const { values } = parseArgs({
  options: {
    programs: { type: "string", default: "1000" },
    seed: { type: "string" },
    variant: { type: "string" },
    path: { type: "string" },
    first: { type: "boolean", default: false },
  },
});

const failed = await explore({
  programs: Number(values.programs),
  seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed),
  variant: values.variant,
  path: values.path,
  endsAtFirst: values.first,
});
process.exit(failed ? 1 : 0);
