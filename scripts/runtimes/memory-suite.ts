// The conformance suite on the embedded broker, by no test runner: for runtimes that cannot run ours.
import { runCases } from "@waybill/conformance";
import { target } from "@waybill/memory/conformance";

/** Cases that read what only some engines have. */
const measuresHeap = ({ id }: { readonly id: string }) =>
  id === "back-pressure.backlog-heap-flat" || id.startsWith("prefetch-bytes.");
const isLeftOut = "Bun" in globalThis ? measuresHeap : () => false;

if ("Bun" in globalThis) console.log("left out what measures memory: Bun has no V8 heap");
const { totals } = await runCases(target(), {
  filter: (one) => !isLeftOut(one),
  onResult: ({ id, outcome, ms, reason }) => {
    if (outcome === "failed") console.log(`FAILED  ${id} after ${Math.round(ms)} ms: ${reason}`);
  },
});
console.log(`${totals.refused} refused, ${totals.quirks} quirks, ${totals.notRun} not run`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 ? 0 : 1);
