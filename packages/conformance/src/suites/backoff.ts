import assert from "node:assert/strict";
import { type Case, suite } from "../case.ts";

/** G4. How long a failed message waits, and that nobody else has to. */
export const backoff: readonly Case[] = suite("backoff", [
  {
    id: "function",
    title: "A backoff function is given the attempt that failed and its error.",
    guarantee: "G4",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const asked: unknown[] = [];
      const backoff = (attempt: number, error: unknown) => {
        asked.push([attempt, (error as Error).message]);
        return 0;
      };
      const seen = await context.collect(
        client,
        jobs,
        { retry: { maxAttempts: 4, backoff } },
        (_, { attempt }) => {
          if (attempt < 3) throw new Error(`failure ${attempt}`);
        },
      );
      await client.send(jobs, "work");
      await seen.first(3);
      assert.deepEqual(asked, [
        [1, "failure 1"],
        [2, "failure 2"],
      ]);
    },
  },
  {
    id: "exponential",
    title: "Retries come no earlier than their exponential backoff, and no later than the stated tolerance.",
    guarantee: "G4",
    exclusive: true,
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      await backoffBounds(context.capabilities.features.delay, async (handle) => {
        const retry = { maxAttempts: 4, backoff: { initialMs: 100, factor: 2, jitter: 0 } };
        const seen = await context.collect(client, jobs, { retry }, handle);
        await client.send(jobs, "work");
        await seen.first(4);
      });
    },
  },
  {
    id: "exponential-keyed",
    title: "Retries of a keyed message keep the same bounds.",
    guarantee: "G4",
    needs: ["ordering"],
    exclusive: true,
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>({ key: () => "one" });
      await backoffBounds(undefined, async (handle) => {
        const retry = { maxAttempts: 4, backoff: { initialMs: 100, factor: 2, jitter: 0 } };
        const seen = await context.collect(client, jobs, { retry }, handle);
        await client.send(jobs, "work");
        await seen.first(4);
      });
    },
  },
  {
    id: "others-go-on",
    title: "While one message waits for its retry, others are handled, even one at a time.",
    guarantee: "G4",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      // Long enough that thirty messages come and go meanwhile on any computer.
      const retry = { maxAttempts: 3, backoff: { initialMs: 5000, jitter: 0 } };
      const seen = await context.collect(client, jobs, { concurrency: 1, retry }, (value, { attempt }) => {
        if (value === 0 && attempt === 1) throw new Error("later");
      });
      await client.send(jobs, 0);
      await seen.first(1);
      await client.sendBatch(
        jobs,
        Array.from({ length: 30 }, (_, i) => i + 1),
      );
      await seen.first(31);
      assert.equal(
        seen.values.slice(1, 31).every((value) => value !== 0),
        true,
        "the others came first",
      );
      await seen.first(32);
      assert.equal(seen.values[31], 0);
      assert.equal(seen.deliveries[31]?.attempt, 2);
    },
  },
]);

/** Runs a handler that fails three times under a backoff of 100, 200 and 400 ms, and checks the pauses in between. */
async function backoffBounds(
  tolerance: { readonly lateMs: number; readonly lateRatio?: number } | undefined,
  run: (handle: () => void) => Promise<void>,
): Promise<void> {
  const calls: number[] = [];
  await run(() => {
    calls.push(performance.now());
    if (calls.length < 4) throw new Error("again");
  });
  const pauses = calls.slice(1).map((at, index) => at - (calls[index] as number));
  for (const [index, pause] of pauses.entries()) {
    const backoff = 100 * 2 ** index;
    const late = (tolerance?.lateMs ?? 500) + backoff * (tolerance?.lateRatio ?? 0) + schedulingSlackMs;
    assert.ok(pause >= backoff - clockGrainMs, `attempt ${index + 2} after ${pause} ms, not ${backoff}`);
    assert.ok(pause <= backoff + late, `attempt ${index + 2} after ${pause} ms, not ${backoff} + ${late}`);
  }
}

/** Brokers count whole milliseconds. */
const clockGrainMs = 2;
/** For a computer that is busy with something else. */
const schedulingSlackMs = 500;
