import assert from "node:assert/strict";
import { type DeadLetterInfo, deadLetterDetails, deadLetterOf, type QueueContract } from "@waybill/core";
import type { AnyClient } from "../any-client.ts";
import { type Case, suite } from "../case.ts";
import type { Context } from "../context.ts";
import type { Numbered } from "../history.ts";
import { quickRetry } from "../quick-retry.ts";

/** G5. Dead-lettered messages come back when they are asked to, to where they failed, as they were. */
export const redrive: readonly Case[] = suite("redrive", [
  {
    id: "all",
    title:
      "A redrive brings all dead-lettered messages back as they were, with their attempts beginning anew.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      await bury(context, client, jobs, 5);
      assert.deepEqual(await client.redrive({ queue: jobs }), {
        seen: 5,
        redriven: 5,
        ofOthers: 0,
        complete: true,
      });
      const seen = await context.collect(client, jobs);
      const deliveries = await seen.first(5);
      assert.deepEqual([...seen.values].sort(), [0, 1, 2, 3, 4]);
      for (const delivery of deliveries) {
        assert.equal(delivery.attempt, 1);
        assert.equal(delivery.headers.number, String(delivery.value));
        assert.equal(delivery.contentType, "application/json");
        assert.equal(deadLetterDetails(delivery), undefined, "it still has the dead-letter headers");
      }
      assert.deepEqual(await client.redrive({ queue: jobs }, { dryRun: true }), {
        seen: 0,
        redriven: 0,
        ofOthers: 0,
        complete: true,
      });
    },
  },
  {
    id: "some-by-number",
    title: "A redrive of at most two brings back two, and the others stay.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      await bury(context, client, jobs, 5);
      const { redriven } = await client.redrive({ queue: jobs }, { max: 2 });
      assert.equal(redriven, 2);
      const seen = await context.collect(client, jobs);
      await seen.first(2);
      assert.deepEqual(await client.redrive({ queue: jobs }, { dryRun: true }), {
        seen: 3,
        redriven: 0,
        ofOthers: 0,
        complete: true,
      });
      assert.equal(seen.deliveries.length, 2);
    },
  },
  {
    id: "some-by-filter",
    title: "A redrive with a filter brings back what it chooses, and the others stay with their headers.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      await bury(context, client, jobs, 6);
      const asked: DeadLetterInfo[] = [];
      const filter = (info: DeadLetterInfo) => {
        asked.push(info);
        return Number(info.headers.number) % 2 === 0;
      };
      assert.deepEqual(await client.redrive({ queue: jobs }, { filter }), {
        seen: 6,
        redriven: 3,
        ofOthers: 0,
        complete: true,
      });
      assert.ok(
        asked.every(({ source, errorMessage }) => source === jobs.name && /buried/.test(errorMessage)),
      );
      const seen = await context.collect(client, jobs);
      await seen.first(3);
      assert.deepEqual([...seen.values].sort(), [0, 2, 4]);
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const left = await deadLettered.first(3);
      for (const message of left) assert.equal(deadLetterDetails(message)?.source, jobs.name);
      assert.deepEqual(left.map(({ headers }) => headers.number).sort(), ["1", "3", "5"]);
    },
  },
  {
    id: "dry-run",
    title: "A dry run counts and changes nothing.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      await bury(context, client, jobs, 3);
      for (let run = 0; run < 2; run++) {
        assert.deepEqual(await client.redrive({ queue: jobs }, { dryRun: true }), {
          seen: 3,
          redriven: 0,
          ofOthers: 0,
          complete: true,
        });
      }
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const left = await deadLettered.first(3);
      assert.deepEqual(left.map(({ headers }) => headers.number).sort(), ["0", "1", "2"]);
      for (const message of left) assert.equal(deadLetterDetails(message)?.attempts, 1);
      await context.never("a dead-lettered message was doubled", () => deadLettered.deliveries.length > 3);
    },
  },
  {
    id: "of-nothing",
    title: "A redrive where nothing failed does nothing.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      await client.topology.declare(jobs);
      assert.deepEqual(await client.redrive({ queue: jobs }), {
        seen: 0,
        redriven: 0,
        ofOthers: 0,
        complete: true,
      });
    },
  },
  {
    id: "to-the-group-alone",
    title: "A dead-lettered message of a group comes back to that group and to no other.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const events = context.topic<string>();
      const deadLettered = deadLetterOf({ topic: events, group: "failing" });
      await client.topology.declare(deadLettered);
      const well = await context.collect(client, events, { group: "well" });
      let broken = true;
      const failing = await context.collect(
        client,
        events,
        { group: "failing", retry: quickRetry(1) },
        () => {
          if (broken) throw new Error("buried");
        },
      );
      await client.publish(events, "event");
      await well.first(1);
      await context.eventually("it is dead-lettered", async () => {
        const { seen } = await client.redrive({ topic: events, group: "failing" }, { dryRun: true });
        return seen === 1;
      });
      broken = false;
      const report = await client.redrive({ topic: events, group: "failing" });
      assert.deepEqual(report, { seen: 1, redriven: 1, ofOthers: 0, complete: true });
      await failing.first(2);
      await context.never("it came to the other group", () => well.deliveries.length > 1);
    },
  },
  {
    id: "of-keyed-messages",
    title: "Keyed messages come back with their keys.",
    guarantee: "G5",
    needs: ["ordering"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>({ key: ({ k }) => k });
      const failing = await client.consume(jobs, { retry: quickRetry(1) }, () => {
        throw new Error("buried");
      });
      const deadLettered = deadLetterOf({ queue: jobs });
      await client.topology.declare(deadLettered);
      // Dead-lettered messages have no order among each other: keys may have been fixed in any.
      const history = context.history();
      for (let i = 0; i < 6; i++) {
        await history.publish((message) => client.send(jobs, message), `key-${i % 2}`);
      }
      await context.eventually("all are dead-lettered", async () => {
        const { seen } = await client.redrive({ queue: jobs }, { dryRun: true });
        return seen === 6;
      });
      await failing.close();
      assert.deepEqual(await client.redrive({ queue: jobs }), {
        seen: 6,
        redriven: 6,
        ofOthers: 0,
        complete: true,
      });
      const seen = await context.collect(client, jobs, {}, (message) => history.deliver(message));
      await seen.first(6);
      for (const { key, value } of seen.deliveries) assert.equal(key, value.k);
      history.check();
    },
  },
]);

/** Dead-letters the numbers up to `count`, each with itself in a header. */
async function bury(
  context: Context,
  client: AnyClient,
  jobs: QueueContract<number>,
  count: number,
): Promise<void> {
  let failures = 0;
  const failing = await client.consume(jobs, { retry: quickRetry(1) }, () => {
    failures++;
    throw new Error("buried");
  });
  for (let n = 0; n < count; n++) await client.send(jobs, n, { headers: { number: String(n) } });
  await context.eventually("all have failed", () => failures === count);
  // Settles what failed, so that all are in the dead-letter queue afterwards.
  await failing.close();
}
