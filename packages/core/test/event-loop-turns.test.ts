import { stat } from "node:fs";
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

it("a turn that sockets have used up is over until the timers have run", async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    // Among the sockets: after the timers of this round, and before what `setImmediate` comes with.
    stat(".", () => {
      expect(eventLoopTurns.isOver).toBe(false);
      setTimeout(() => order.push("timer"), 0);
      keepBusy(12);
      void eventLoopTurns.next().then(() => {
        order.push("turn");
        resolve();
      });
    });
  });
  expect(order).toEqual(["timer", "turn"]);
});

it("who waits is counted", async () => {
  const waiting = [eventLoopTurns.next(), eventLoopTurns.next()];
  expect(eventLoopTurns.waiting).toBe(2);
  await Promise.all(waiting);
  expect(eventLoopTurns.waiting).toBe(0);
});
