import { describe, expect, it } from "vitest";
import { clockProblems } from "./clocks.ts";

describe("the clocks check", () => {
  it("catches the computer's own time, however it is reached", () => {
    const ways = [
      ["Date.now", "const at = Date.now();"],
      ["new Date", "const at = new Date();"],
      ["Date", "const at = Date();"],
      ["performance", "const { now } = performance;"],
      ["setTimeout", "setTimeout(() => {}, 1);"],
      ["setInterval", "const every = setInterval;"],
      ["setImmediate", "setImmediate(done);"],
      ["globalThis.setTimeout", "globalThis.setTimeout(done, 1);"],
      ["AbortSignal.timeout", "const signal = AbortSignal.timeout(1);"],
      ["node:timers/promises", 'import { setTimeout as sleep } from "node:timers/promises";'],
      ["systemClock", "const at = systemClock.now();"],
    ] as const;
    for (const [name, source] of ways)
      expect(problemsIn(source), source).toEqual([`a.ts:1: ${name}: use the client's clock`]);
  });

  it("lets the client's clock be used, and dates that are told", () => {
    const source = `import { systemClock, type Clock } from "../runtime/clock.ts";
export { systemClock } from "../runtime/clock.ts";
interface Own { setTimeout(done: () => void, ms: number): unknown }
// Not Date.now(), nor setTimeout.
const timer = clock.setTimeout(done, 1);
clock.clearTimeout(timer);
const told = new Date(clock.now()).toISOString() + Date.parse(text) + "Date.now()";
const own = { setTimeout: clock.setTimeout, performance: 1 };
`;
    expect(problemsIn(source)).toEqual([]);
  });

  it("wants no exception that is not needed", () => {
    const exceptions = { "a.ts Date.now": "needed", "a.ts setTimeout": "not needed" };
    expect(clockProblems(new Map([["a.ts", "Date.now();"]]), exceptions)).toEqual([
      "scripts/check/clocks.ts need not name a.ts setTimeout",
    ]);
  });
});

function problemsIn(source: string): readonly string[] {
  return clockProblems(new Map([["a.ts", source]]), {});
}
