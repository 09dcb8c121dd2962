import type { Capabilities } from "@waybill/core";
import { expect, test } from "vitest";
import { noCounts } from "../src/history.ts";
import { matrixOf } from "../src/report/matrix.ts";
import { type CaseResult, type Report, totalsOf } from "../src/run/result.ts";

const capabilities: Capabilities = {
  features: {
    delay: { how: "emulated", maxMs: 900_000, lateMs: 1_000, note: "A sorted set | and a timer." },
    ordering: { how: "native" },
  },
  settlement: "individual",
  retry: { how: "republish" },
  attempts: "lower-bound",
  retention: "groups",
  lease: { ms: 30_000 },
  reportsUnrouted: false,
  publishing: { maxMessages: 10, maxBytes: 1_000, inFlight: 1 },
  limits: { messageBytes: 262_144 },
};

const result = (id: string, outcome: CaseResult["outcome"], more: Partial<CaseResult> = {}): CaseResult => ({
  id,
  title: "A sentence.",
  guarantee: "G1",
  capability: null,
  outcome,
  ms: 1,
  counts: noCounts(),
  ...more,
});

function report(adapter: string, cases: readonly CaseResult[]): Report {
  const broker = { name: `${adapter}d`, version: "1.2" };
  return { adapter, driver: adapter, broker, totals: totalsOf(cases), capabilities, cases };
}

const text = matrixOf([
  report("one", [
    result("a.x", "passed", {
      counts: { ...noCounts(), published: 12_000, delivered: 12_001, duplicated: 1 },
    }),
    result("a.y", "refused"),
    result("a.z", "not-run", { reason: 'the target does not give "broker"' }),
  ]),
  report("two", [
    result("a.x", "failed", { reason: "1 lost\nand more" }),
    result("a.y", "quirk", { reason: "So." }),
  ]),
]);

test("counts the cases of each guarantee, and names what did not pass", () => {
  expect(text).toMatch(/^\| G1 stored: .* \| 1, 1 refused \| 0, 1 failed, 1 quirk \|$/m);
  expect(text).toContain("| two | a.x | 1 lost |");
  expect(text).toContain("| two | a.y | So. |");
  expect(text).toContain('| one | a.z | the target does not give "broker" |');
});

test("adds up the messages, and tells the broker", () => {
  expect(text).toContain("| Broker | oned 1.2 | twod 1.2 |");
  expect(text).toContain("| Published | 12,000 | 0 |");
  expect(text).toContain("| Duplicated | 1 | 0 |");
});

test("tells each feature as native, emulated or refused, with its notes", () => {
  expect(text).toContain("| Delayed publish | emulated | emulated |");
  expect(text).toContain("| Order per key | native | native |");
  expect(text).toContain("| Replay | refused | refused |");
  expect(text).toContain("- one, delayed publish: A sorted set | and a timer.");
  expect(text).toContain("| Longest delay | 15 min | 15 min |");
  expect(text).toContain("| Largest message | 256 KiB | 256 KiB |");
});
