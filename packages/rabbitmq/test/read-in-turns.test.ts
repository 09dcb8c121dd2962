import { PassThrough } from "node:stream";
import { eventLoopTurns } from "@waybill/core/spi";
import { expect, test } from "vitest";
import { readInTurns } from "../src/client/read-in-turns.ts";

const chunkCount = 100;
const mostInOneTurn = 30;

test("what has arrived is taken over several turns, all of it and in order", async () => {
  const stream = new PassThrough({ highWaterMark: 1_000_000 });
  readInTurns(stream);
  let inThisTurn = 0;
  let most = 0;
  const timer = setInterval(() => {
    inThisTurn = 0;
  }, 1);
  const taken: Buffer[] = [];
  const ended = new Promise((resolve) => stream.once("end", resolve));
  stream.on("readable", () => {
    for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) {
      taken.push(chunk);
      most = Math.max(most, ++inThisTurn);
      for (const until = performance.now() + 1; performance.now() < until; );
      // As one that always brings more.
      if (taken.length < chunkCount) stream.write(Buffer.from([taken.length]));
      else if (!stream.writableEnded) stream.end();
    }
  });
  stream.write(Buffer.from([0]));
  await ended;
  clearInterval(timer);
  expect([...Buffer.concat(taken)]).toEqual(Array.from({ length: chunkCount }, (_, index) => index));
  expect(most).toBeLessThanOrEqual(mostInOneTurn);
  expect(eventLoopTurns.waiting).toBe(0);
});
