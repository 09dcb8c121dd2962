import { setImmediate as macrotask } from "node:timers/promises";
import { expect, it } from "vitest";
import { eventLoopTurns } from "../src/runtime/event-loop-turns.ts";

/** Keeps the event loop, as a handler does that computes something. */
function keepBusy(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

it("one budget is shared by all who ask, and whoever waits has its turn after the timers", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(eventLoopTurns.isOver).toBe(false);
  keepBusy(12);
  expect(eventLoopTurns.isOver).toBe(true);
  let timerFired = false;
  setTimeout(() => {
    timerFired = true;
  }, 0);
  const order: number[] = [];
  const waiting = [1, 2, 3].map(async (each) => {
    await eventLoopTurns.next();
    expect(timerFired || each === 1).toBe(true);
    order.push(each);
    keepBusy(12);
  });
  await Promise.all(waiting);
  expect(order).toEqual([1, 2, 3]);
  await macrotask();
});

it("nobody waits for whoever has been idle", async () => {
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(eventLoopTurns.isOver).toBe(false);
});
