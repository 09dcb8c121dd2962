import { connect, deadLetterDetails, deadLetterOf, queue } from "@waybill/core";
import { expect, it } from "vitest";
import { MemoryBroker, memory, virtualClock } from "../src/index.ts";

const Jobs = queue<number>("jobs", { key: () => "k" });

it("a keyed retry keeps its attempt and its backoff from one process to the next", async () => {
  const clock = virtualClock();
  const broker = new MemoryBroker({ clock });
  const attempts: [attempt: number, at: number][] = [];
  const startedAt = clock.now();
  const process = async () => {
    const client = await connect(memory({ broker }), { clock, onError: () => {} });
    await client.consume(
      Jobs,
      { retry: { maxAttempts: 3, backoff: () => 60_000 } },
      (_value, { attempt }) => {
        attempts.push([attempt, clock.now() - startedAt]);
        throw new Error("always");
      },
    );
    return client;
  };
  const operator = await connect(memory({ broker }), { clock });
  await operator.send(Jobs, 1);
  for (let deployment = 0; deployment < 15; deployment++) {
    const client = await process();
    await clock.advance(10_000);
    await client.close();
  }
  expect(attempts.map(([attempt]) => attempt)).toEqual([1, 2, 3]);
  expect(attempts[1]?.[1]).toBeGreaterThanOrEqual(60_000);
  expect(attempts[2]?.[1]).toBeGreaterThanOrEqual(120_000);
  const dead: unknown[] = [];
  await operator.consume(
    deadLetterOf({ queue: Jobs }),
    (_body, each) => void dead.push(deadLetterDetails(each)),
  );
  await clock.advance(1_000);
  expect(dead).toMatchObject([{ attempts: 3 }]);
});
