import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Delivery, deadLetterDetails, deadLetterOf, PostponedError } from "@waybill/core";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";
import { Gate } from "../gate.ts";
import { quickRetry } from "../quick-retry.ts";
import { unconfirmedMs } from "../unconfirmed.ts";

/** A client with a queue. */
async function queued(context: Context) {
  const client = await context.connect();
  return { client, queue: context.queue<number>() };
}

const attempts = (deliveries: readonly Delivery[]) => deliveries.map(({ attempt }) => attempt);

/** Once more: not too early, with the right attempt number, as the same message, to the same group. */
export const retrying = suite("retrying", [
  {
    id: "by-throwing",
    title: "A handler that throws, at once or later, gets the message again with the next attempt number.",
    guarantee: "G4",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue, { retry: quickRetry() }, (_value, { attempt }) => {
        if (attempt === 1) throw new Error("At once.");
        if (attempt === 2) return Promise.reject(new Error("Later."));
        return undefined;
      });
      await client.send(queue, 1);
      assert.deepEqual(attempts(await seen.first(3)), [1, 2, 3]);
      await context.never("a fourth attempt", () => seen.deliveries.length > 3, 100);
    },
  },
  {
    id: "at-once",
    title: "`retry` without a delay brings the message again promptly, as attempt 2.",
    guarantee: "G4",
    async run(context) {
      const { client, queue } = await queued(context);
      const results: unknown[] = [];
      const seen = await context.collect(client, queue, {}, async (_value, delivery) => {
        if (delivery.attempt === 1) results.push(await delivery.retry({ delayMs: 0 }));
      });
      await client.send(queue, 1);
      assert.deepEqual(attempts(await seen.first(2)), [1, 2]);
      // Where a retry is a message of its own, it may be here before the answer is.
      await context.eventually("the answer", () => results.length > 0);
      assert.deepEqual(results, ["settled"]);
      await context.never("a third attempt", () => seen.deliveries.length > 2, 100);
    },
  },
  {
    id: "with-delay",
    title:
      "`retry` with a delay brings the message not before it, and no later than the broker's stated tolerance.",
    guarantee: "G4",
    exclusive: true,
    async run(context) {
      const { client, queue } = await queued(context);
      const delayMs = 700;
      const at: number[] = [];
      const seen = await context.collect(client, queue, {}, async (_value, delivery) => {
        at.push(performance.now());
        if (delivery.attempt === 1) await delivery.retry({ delayMs });
      });
      await client.send(queue, 1);
      assert.deepEqual(attempts(await seen.first(2)), [1, 2]);
      const took = (at[1] as number) - (at[0] as number);
      const { lateMs = 2_000, lateRatio = 0 } = context.capabilities.features.delay ?? {};
      assert(took >= delayMs - 5, `came after ${took} ms, before its ${delayMs} ms`);
      assert(took <= delayMs * (1 + lateRatio) + lateMs + 1_000, `came only after ${took} ms`);
    },
  },
  {
    id: "waits-alone",
    title: "While a message waits for its retry, others go on, even with one handler.",
    guarantee: "G4",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue, { concurrency: 1 }, async (value, delivery) => {
        // Long enough that the others come and go meanwhile on any computer.
        if (value === 0 && delivery.attempt === 1) await delivery.retry({ delayMs: 5_000 });
      });
      await client.send(queue, 0);
      await seen.first(1);
      await client.sendBatch(queue, [1, 2, 3, 4, 5]);
      await seen.first(7, 100_000);
      const order = seen.values.join();
      assert.equal(seen.values.indexOf(0, 1), 6, `the others came first: ${order}`);
    },
  },
  {
    id: "put-off",
    title:
      "What a handler puts off comes again after that time as the same attempt, in a queue and in a group alike.",
    guarantee: "G4",
    exclusive: true,
    async run(context) {
      const { client, queue } = await queued(context);
      const topic = context.topic<number>();
      const group = "putting-off";
      const delayMs = 2_000;
      const calls: { readonly attempt: number; readonly at: number }[][] = [];
      const handler = (own: (typeof calls)[number]) => {
        calls.push(own);
        return (_value: number, { attempt }: Delivery) => {
          own.push({ attempt, at: performance.now() });
          if (own.length === 1) throw new Error("fails once");
          if (own.length === 2) throw new PostponedError("not now", { delayMs });
        };
      };
      const retry = quickRetry(2);
      await client.consume(queue, { retry }, handler([]));
      await client.subscribe(topic, { group, retry }, handler([]));
      await client.send(queue, 1);
      await client.publish(topic, 1);
      await context.eventually("all calls", () => calls.every((own) => own.length === 3), 90_000);
      for (const own of calls) {
        assert.deepEqual(
          own.map(({ attempt }) => attempt),
          [1, 2, 2],
        );
        const took = (own[2]?.at ?? 0) - (own[1]?.at ?? 0);
        assert(took >= delayMs - 5, `came after ${took} ms, before its ${delayMs} ms`);
      }
    },
  },
  {
    id: "keeps-the-message",
    title: "A retried message is the same message: id, body, headers, timestamp and correlation id.",
    guarantee: "G13",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue, {}, async (_value, delivery) => {
        if (delivery.attempt < 3) await delivery.retry({ delayMs: delivery.attempt === 1 ? 0 : 50 });
      });
      await client.send(queue, 7, {
        headers: { "x-é": "naïve 😀" },
        timestamp: 1_600_000_000_000,
        correlationId: "c-1",
      });
      const [first, ...again] = await seen.first(3);
      const facts = ({
        id,
        body,
        headers,
        timestamp,
        correlationId,
        contentType,
        key,
        source,
      }: Delivery) => ({
        id,
        body: Buffer.from(body).toString("hex"),
        headers: { ...headers },
        timestamp,
        correlationId,
        contentType,
        key,
        source,
      });
      assert(first !== undefined);
      assert.deepEqual(facts(first).headers, { "x-é": "naïve 😀" });
      for (const one of again) assert.deepEqual(facts(one), facts(first));
    },
  },
  {
    id: "stays-in-its-group",
    title: "A retried message comes again to the group that retried it, and to no other.",
    guarantee: "G4",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const group = context.name();
      const retrying = await context.collect(client, topic, { group }, async (_value, delivery) => {
        if (delivery.attempt < 3) await delivery.retry({ delayMs: delivery.attempt === 1 ? 0 : 50 });
      });
      const other = await context.collect(client, topic, { group: context.name() });
      await client.publish(topic, 1);
      const got = await retrying.first(3);
      assert.deepEqual(attempts(got), [1, 2, 3]);
      for (const one of got) assert.equal(one.group, group);
      await other.first(1);
      await context.never("a retry elsewhere", () => other.deliveries.length > 1);
    },
  },
  {
    id: "ends-in-the-dead-letter-queue",
    title: "Explicit retries count as attempts: the last one dead-letters the message.",
    guarantee: "G5",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue, { retry: quickRetry(3) }, (_value, delivery) =>
        delivery.retry({ delayMs: 10, reason: new Error("busy") }),
      );
      const dead = await context.collect(client, deadLetterOf({ queue }));
      await client.send(queue, 1);
      const [message] = await dead.first(1);
      assert(message !== undefined);
      assert.equal(deadLetterDetails(message)?.attempts, 3);
      assert.deepEqual(attempts(seen.deliveries), [1, 2, 3]);
    },
  },
  {
    id: "attempts-add-up",
    title: "Attempts count on across immediate retries, delayed retries and throws.",
    guarantee: "G4",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const options = { group: context.name(), retry: quickRetry(10) };
      const seen = await context.collect(client, topic, options, async (_value, delivery) => {
        if (delivery.attempt === 1) await delivery.retry({ delayMs: 0 });
        else if (delivery.attempt === 2) await delivery.retry({ delayMs: 50 });
        else if (delivery.attempt === 3) throw new Error("Once more.");
        else if (delivery.attempt === 4) await delivery.retry({ delayMs: 0 });
      });
      await client.publish(topic, 1);
      assert.deepEqual(attempts(await seen.first(5)), [1, 2, 3, 4, 5]);
    },
  },
  {
    id: "attempts-survive-a-crash",
    title: "The attempt goes on counting after a crash: exactly, or at least never backwards.",
    guarantee: "G4",
    parts: ["crash"],
    timeoutMs: 150_000,
    async run(context) {
      const queue = context.queue<number>();
      const crashable = await context.crashable();
      const replacement = await context.connect({}, crashable.replacement);
      await replacement.topology.declare(queue);
      const dying = await context.connect({}, crashable.driver);
      const gate = new Gate();
      context.atEnd(() => gate.open());
      const first = await context.collect(dying, queue, {}, async (_value, delivery) => {
        if (delivery.attempt === 1) await delivery.retry({ delayMs: 0 });
        else await gate.opened;
      });
      await replacement.send(queue, 1);
      await first.first(2);
      await sleep(unconfirmedMs);
      await crashable.die();
      const second = await context.collect(replacement, queue);
      const [got] = await second.first(1, 120_000);
      if (context.capabilities.attempts === "exact") assert.equal(got?.attempt, 3);
      else {
        // A retry that is published anew may have been handled before the first delivery was acked, which
        // then comes again as well: what counts on is the retry.
        const goesOn = () => second.deliveries.some(({ attempt }) => attempt >= 2);
        await context.eventually("an attempt after the first", goesOn, 120_000);
      }
    },
  },
]);
