import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { bytes, deadLetterOf, MessagingError, NonRetryableError, text } from "@waybill/core";
import { type Case, suite } from "../case.ts";
import { detailsOf } from "../dead-letter.ts";
import type { Numbered } from "../history.ts";
import { quickRetry } from "../quick-retry.ts";
import { onlyPositive } from "../schemas.ts";
import { wrapDriver } from "../wrap.ts";

/** G5. What failed for good is kept, with the reason, and is let go of by the original only then. */
export const deadLettering: readonly Case[] = suite("dead-lettering", [
  {
    id: "of-a-group",
    title:
      "A message that a group dead-letters names topic and group, and other groups have the message all the same.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const events = context.topic<string>();
      const deadLettered = await context.collect(client, deadLetterOf({ topic: events, group: "failing" }));
      const well = await context.collect(client, events, { group: "well" });
      await context.collect(client, events, { group: "failing", retry: quickRetry(2) }, () => {
        throw new Error("no");
      });
      await client.publish(events, "event");
      const details = detailsOf((await deadLettered.first(1))[0]);
      assert.equal(details.source, events.name);
      assert.equal(details.group, "failing");
      assert.equal(details.attempts, 2);
      await well.first(1);
      assert.deepEqual(well.values, ["event"]);
    },
  },
  {
    id: "keyed",
    title: "A keyed message that always fails is dead-lettered, and then its key goes on in order.",
    guarantee: "G5",
    needs: ["ordering"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>({ key: ({ k }) => k });
      const history = context.history({ ordered: true });
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const attempts: number[] = [];
      await client.consume(jobs, { retry: quickRetry(3) }, (message, { attempt }) => {
        if (message.n !== 2) return history.deliver(message);
        attempts.push(attempt);
        throw new Error("the third fails");
      });
      for (let i = 0; i < 6; i++) {
        const message = history.next("key");
        await client.send(jobs, message);
        if (i !== 2) history.confirm(message);
      }
      await context.eventually("all but the failing one are handled", () => history.complete());
      const details = detailsOf((await deadLettered.first(1))[0]);
      assert.equal(details.attempts, 3);
      assert.deepEqual(attempts, [1, 2, 3]);
      history.check();
    },
  },
  {
    id: "whatever-is-thrown",
    title: "Whatever is thrown is a failure: a string, nothing, a huge message with line breaks.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const thrown: readonly unknown[] = [
        "just text",
        undefined,
        null,
        { code: 7 },
        new Error(`línea 1\r\nline 2 \u{1F4A5}\u0000${"x".repeat(200_000)}`),
      ];
      await client.consume(jobs, { retry: quickRetry(1) }, (index) => {
        throw thrown[index];
      });
      await client.sendBatch(jobs, [...thrown.keys()]);
      const all = await deadLettered.first(thrown.length);
      const bodies = all.map(({ body }) => Number(new TextDecoder().decode(body))).sort();
      assert.deepEqual(bodies, [0, 1, 2, 3, 4]);
      for (const message of all) assert.equal(detailsOf(message).attempts, 1);
    },
  },
  {
    id: "undecodable",
    title: "A body that cannot be decoded is dead-lettered with the reason, and the handler is not called.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const raw = { ...context.queue<string>({ codec: text }), name: jobs.name };
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs, { retry: quickRetry(5) });
      await client.send(raw, "{ this is not JSON");
      await client.send(jobs, "fine");
      const [message] = await deadLettered.first(1);
      assert.equal(detailsOf(message).errorCode, "DECODE_FAILED");
      assert.equal(new TextDecoder().decode(message?.body), "{ this is not JSON");
      await seen.first(1);
      await context.never("the handler was given it", () => seen.deliveries.length > 1);
      assert.deepEqual(seen.values, ["fine"]);
    },
  },
  {
    id: "invalid-utf8",
    title: "Bytes that are no text are dead-lettered with the bytes unharmed.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>({ codec: text });
      const raw = { ...context.queue<Uint8Array>({ codec: bytes }), name: jobs.name };
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs, { retry: quickRetry(5) });
      const body = Uint8Array.of(0xff, 0xfe, 0x00, 0xc3, 0x28);
      await client.send(raw, body);
      const [message] = await deadLettered.first(1);
      assert.equal(detailsOf(message).errorCode, "DECODE_FAILED");
      assert.deepEqual(new Uint8Array(message?.body ?? []), body);
      assert.equal(seen.deliveries.length, 0);
    },
  },
  {
    id: "schema-invalid",
    title: "A body that fails its schema is dead-lettered with the reason, and the handler is not called.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>({ schema: onlyPositive });
      const loose = { ...context.queue<number>(), name: jobs.name };
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs, { retry: quickRetry(5) });
      await client.send(loose, -1);
      await client.send(jobs, 1);
      const details = detailsOf((await deadLettered.first(1))[0]);
      assert.equal(details.errorCode, "VALIDATION_FAILED");
      assert.match(details.errorMessage, /positive/);
      await seen.first(1);
      await context.never("the handler was given it", () => seen.deliveries.length > 1);
      assert.deepEqual(seen.values, [1]);
    },
  },
  {
    id: "own-queue",
    title: "Failed messages go to a queue of the application's own where it names one.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const graveyard = context.queue<string>();
      const deadLettered = await context.collect(client, graveyard);
      await client.consume(jobs, { retry: quickRetry(2), deadLetter: graveyard }, () => {
        throw new Error("no");
      });
      await client.send(jobs, "work");
      const [message] = await deadLettered.first(1);
      assert.equal(message?.value, "work");
      assert.equal(detailsOf(message).source, jobs.name);
    },
  },
  {
    id: "discard",
    title: "With `discard`, a message that failed for good is gone, and the next one is handled.",
    guarantee: "G5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const seen = await context.collect(
        client,
        jobs,
        { retry: quickRetry(2), deadLetter: "discard" },
        (value) => {
          if (value === "bad") throw new Error("no");
        },
      );
      await client.send(jobs, "bad");
      await context.eventually(
        "both attempts",
        () => seen.values.filter((value) => value === "bad").length === 2,
      );
      await client.send(jobs, "good");
      await context.eventually("the next one", () => seen.values.includes("good"));
      await seen.subscription.close();
      const after = await context.collect(client, jobs);
      await context.never("it comes back", () => after.deliveries.length > 0, 500);
    },
  },
  {
    id: "unavailable",
    title: "While the dead-letter destination takes nothing, the original is not acked.",
    guarantee: "G5",
    async run(context) {
      const jobs = context.queue<string>();
      let refusals = 0;
      let acks = 0;
      const driver = wrapDriver(context.driver(), {
        connection: (own) => ({
          async publish(to, batch, call) {
            if (!to.name.endsWith("..dead")) return own.publish(to, batch, call);
            refusals++;
            const cause = new MessagingError("BROKER_ERROR", "The dead-letter queue is full.");
            return batch.map(() => ({ ok: false, cause }));
          },
        }),
        consumer: (own) => ({
          settle(batch, call) {
            acks += batch.filter(({ outcome }) => outcome === "ack").length;
            return own.settle(batch, call);
          },
        }),
      });
      const broken = await context.connect({}, driver);
      await broken.consume(jobs, { retry: quickRetry(2) }, () => {
        throw new NonRetryableError("no");
      });
      await broken.send(jobs, "precious");
      await context.eventually("a refusal by the dead-letter queue", () => refusals > 0);
      await context.eventually("the trouble is told to onError", () => context.background.length > 0);
      assert.equal(acks, 0, "the original was acked");
      await broken.close({ timeoutMs: 1000 });

      const healthy = await context.connect();
      const seen = await context.collect(healthy, jobs);
      await seen.first(1);
      assert.deepEqual(seen.values, ["precious"]);
    },
  },
  {
    id: "available-again",
    title: "Once the dead-letter destination is back, what waited for it arrives there.",
    guarantee: "G5",
    async run(context) {
      const jobs = context.queue<string>();
      let available = false;
      let refusals = 0;
      const driver = wrapDriver(context.driver(), {
        connection: (own) => ({
          async publish(to, batch, call) {
            if (available || !to.name.endsWith("..dead")) return own.publish(to, batch, call);
            refusals++;
            throw new MessagingError("BROKER_ERROR", "The dead-letter queue is full.");
          },
        }),
      });
      const client = await context.connect({}, driver);
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      await client.consume(jobs, { retry: quickRetry(1) }, () => {
        throw new Error("no");
      });
      await client.send(jobs, "precious");
      await context.eventually("a refusal by the dead-letter queue", () => refusals > 0);
      assert.equal(deadLettered.deliveries.length, 0);
      available = true;
      const [message] = await deadLettered.first(1);
      assert.equal(new TextDecoder().decode(message?.body), '"precious"');
    },
  },
  {
    id: "poison-process",
    title:
      "A message that kills its process every time ends in the dead-letter queue and does not loop for ever.",
    guarantee: "G5",
    parts: ["crash"],
    timeoutMs: 180_000,
    applies: ({ attempts }) =>
      attempts === "exact" || "the broker does not count deliveries that ended without a settlement",
    async run(context) {
      const jobs = context.queue<string>();
      const watcher = await context.connect();
      const deadLettered = await context.collect(watcher, deadLetterOf({ queue: jobs }));
      await watcher.topology.declare(jobs);
      await watcher.send(jobs, "poison");
      const attempts: number[] = [];
      while (deadLettered.deliveries.length === 0 && attempts.length < 10) {
        const before = attempts.length;
        const crashable = await context.crashable();
        const victim = await context.connect({ onError: () => undefined }, crashable.driver);
        await victim.consume(jobs, { retry: quickRetry(3) }, async (_, { attempt }) => {
          attempts.push(attempt);
          await crashable.die();
          await new Promise(() => undefined);
        });
        await context.eventually(
          "the poison message, or its end in the dead-letter queue",
          () => attempts.length > before || deadLettered.deliveries.length > 0,
          60_000,
        );
        // What follows would find the message gone while the dead process still lets go of it.
        void victim.close({ timeoutMs: 0 });
      }
      // Its attempts, and then alone, to be sure that it was not one of its neighbours.
      assert.deepEqual(attempts.slice(0, 3), [1, 2, 3]);
      assert.ok(
        attempts.slice(3).every((attempt) => attempt === 3),
        `no attempt beyond the last: ${attempts}`,
      );
      assert.equal(detailsOf(deadLettered.deliveries[0]).attempts, 3);
    },
  },
  {
    id: "poison-spares-its-neighbours",
    title: "A message that kills its process takes none of those that were prefetched beside it along.",
    guarantee: "G5",
    parts: ["crash"],
    timeoutMs: 240_000,
    applies: ({ attempts }) =>
      attempts === "exact" || "the broker does not count deliveries that ended without a settlement",
    async run(context) {
      const jobs = context.queue<number>();
      const watcher = await context.connect();
      const deadLettered = await context.collect(watcher, deadLetterOf({ queue: jobs }));
      await watcher.topology.declare(jobs);
      const handled = new Set<number>();
      await watcher.sendBatch(jobs, [poison, ...neighbours]);
      for (let life = 0; deadLettered.deliveries.length === 0; life++) {
        assert.ok(life < mostLives, `the poison is given up within ${mostLives} lives`);
        const crashable = await context.crashable();
        const victim = await context.connect({ onError: () => undefined }, crashable.driver);
        let died = false;
        await victim.consume(jobs, { retry: quickRetry(2), concurrency: 5 }, async (value) => {
          if (value !== poison) return void handled.add(value);
          await crashable.die();
          died = true;
          await new Promise(() => undefined);
        });
        const over = () => died || deadLettered.deliveries.length > 0;
        await context.eventually("the poison, or its dead-lettered message", over, 60_000);
        void victim.close({ timeoutMs: 0 });
      }
      const healthy = await context.connect();
      await healthy.consume(jobs, (value) => void handled.add(value));
      await context.eventually(
        "every neighbour is handled",
        () => handled.size === neighbours.length,
        60_000,
      );
      assert.deepEqual(numbersIn(deadLettered.values), [poison]);
    },
  },
  {
    id: "no-count-is-a-verdict",
    title: "However often a message was lost before its handler began, it is handled before it is given up.",
    guarantee: "G5",
    parts: ["crash"],
    timeoutMs: 240_000,
    applies: ({ attempts, handBack }) =>
      (attempts === "exact" && handBack?.keepsAttempt === true) ||
      "the broker does not count such deliveries, or keeps no mark of what is to run alone",
    async run(context) {
      const jobs = context.queue<number>();
      const watcher = await context.connect();
      const deadLettered = await context.collect(watcher, deadLetterOf({ queue: jobs }));
      await watcher.topology.declare(jobs);
      let started = 0;
      let dies: (() => Promise<void>) | undefined;
      for (let life = 0; life < unhandledLives; life++) {
        const crashable = await context.crashable();
        const victim = await context.connect({ onError: () => undefined }, crashable.driver);
        const subscription = await victim.consume(jobs, { retry: quickRetry(2) }, () => void started++);
        // It is paused before anything can come: what there is the one before it holds.
        subscription.pause();
        if (dies === undefined) await watcher.send(jobs, 1);
        else await dies();
        await context.eventually("the message is held", () => subscription.held > 0, 60_000);
        dies = async () => {
          await crashable.die();
          void victim.close({ timeoutMs: 0 });
        };
      }
      await dies?.();
      assert.equal(started, 0, "no handler began");
      const healthy = await context.connect();
      const handled = await context.collect(healthy, jobs, { retry: quickRetry(2) });
      await context.eventually("it is handled", () => handled.values.length > 0, 60_000);
      assert.deepEqual(deadLettered.values, []);
    },
  },
  {
    id: "kills-are-no-verdict",
    title: "What was in flight at one kill after the other is dead-lettered by none of them.",
    guarantee: "G5",
    parts: ["crash"],
    timeoutMs: 240_000,
    applies: ({ attempts }) =>
      attempts === "exact" || "the broker does not count deliveries that ended without a settlement",
    async run(context) {
      const jobs = context.queue<number>();
      const watcher = await context.connect();
      const deadLettered = await context.collect(watcher, deadLetterOf({ queue: jobs }));
      await watcher.topology.declare(jobs);
      await watcher.sendBatch(jobs, neighbours);
      const options = { retry: quickRetry(2), concurrency: 50, prefetch: 50 };
      const handled = new Set<number>();
      for (let life = 0; life < 5; life++) {
        const crashable = await context.crashable();
        const victim = await context.connect({ onError: () => undefined }, crashable.driver);
        let started = 0;
        await victim.consume(jobs, options, async (value) => {
          started++;
          if (life < 2) await new Promise(() => undefined);
          await sleep(50);
          handled.add(value);
        });
        // Those that are under suspicion come to run, too: one alone at first, then more and more.
        const enough = life < 2 ? neighbours.length : 6;
        await context.eventually(`${enough} have started`, () => started >= enough, 60_000);
        await crashable.die();
        void victim.close({ timeoutMs: 0 });
      }
      const healthy = await context.connect();
      await healthy.consume(jobs, options, (value) => void handled.add(value));
      await context.eventually("all are handled", () => handled.size === neighbours.length, 60_000);
      assert.deepEqual(numbersIn(deadLettered.values), []);
    },
  },
]);

/** The message that kills, those beside it, and how often it may before it is given up. */
const poison = 0;
const neighbours = Array.from({ length: 30 }, (_, number) => number + 1);
const mostLives = 15;
/** More lives than any count was ever a verdict for. */
const unhandledLives = 16;

function numbersIn(bodies: readonly Uint8Array[]): unknown[] {
  return bodies.map((body) => JSON.parse(new TextDecoder().decode(body)));
}
