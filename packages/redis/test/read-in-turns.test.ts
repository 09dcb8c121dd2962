import { EventEmitter } from "node:events";
import { eventLoopTurns } from "@waybill/core/spi";
import { expect, test } from "vitest";
import { readInTurns } from "../src/receiving/read-in-turns.ts";

class Socket extends EventEmitter {
  isPaused = false;

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}

function sockets(count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = new Socket();
    readInTurns(socket);
    return socket;
  });
}

/** Uses up this turn of the event loop, as parsing a long reply does. */
function useUpTurn(): void {
  for (const until = performance.now() + 20; !eventLoopTurns.isOver || performance.now() < until; );
}

test("once the turn is used up nothing is read until the next", async () => {
  const all = sockets(3);
  await eventLoopTurns.next();
  all[0]?.emit("data");
  expect(all.map(({ isPaused }) => isPaused)).toEqual([false, false, false]);
  useUpTurn();
  all[0]?.emit("data");
  const late = sockets(1);
  expect([...all, ...late].map(({ isPaused }) => isPaused)).toEqual([true, true, true, true]);
  await eventLoopTurns.next();
  expect([...all, ...late].map(({ isPaused }) => isPaused)).toEqual([false, false, false, false]);
  for (const socket of [...all, ...late]) socket.emit("close");
});

test("a socket that has closed is forgotten", () => {
  const [open, closed] = sockets(2);
  closed?.emit("close");
  useUpTurn();
  open?.emit("data");
  expect([open?.isPaused, closed?.isPaused]).toEqual([true, false]);
  open?.emit("close");
});
