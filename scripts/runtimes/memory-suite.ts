// The conformance suite on the embedded broker, by no test runner: for runtimes that cannot run ours.
import { runCases } from "@waybill/conformance";
import { target } from "@waybill/memory/conformance";

/** Cases that read what only some engines have, each with why it is left out here. */
const leftOut: Readonly<Record<string, string>> =
  "Bun" in globalThis ? { "back-pressure.backlog-heap-flat": "Bun has no V8 heap to measure" } : {};

for (const [id, reason] of Object.entries(leftOut)) console.log(`left out ${id}: ${reason}`);
const { totals } = await runCases(target(), {
  filter: ({ id }) => !(id in leftOut),
  onResult: ({ id, outcome, ms, reason }) => {
    if (outcome === "failed") console.log(`FAILED  ${id} after ${Math.round(ms)} ms: ${reason}`);
  },
});
console.log(`${totals.refused} refused, ${totals.quirks} quirks, ${totals.notRun} not run`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 ? 0 : 1);
