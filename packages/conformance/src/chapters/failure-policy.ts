import assert from "node:assert/strict";
import {
  bytes,
  circuitBreaker,
  type Delivery,
  deadLetterDetails,
  deadLetterOf,
  MessagingError,
  NonRetryableError,
  text,
  timeout,
} from "@waybill/core";
import { type Case, chapter } from "../case.ts";
import type { Numbered } from "../history.ts";
import { quickRetry } from "../quick-retry.ts";
import { onlyPositive } from "../schemas.ts";
import { wrapDriver } from "../wrap.ts";

/** What happens when handling fails: retried, then kept where somebody can look at it, and never lost. */
export const failurePolicy: readonly Case[] = chapter("failure-policy", [
  {
    id: "throws-then-succeeds",
    title: "A handler that throws twice gets the message a third time, and then it is done.",
    promise: "P4",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const seen = await context.collect(client, jobs, { retry: quickRetry() }, (_, { attempt }) => {
        if (attempt < 3) throw new Error(`attempt ${attempt}`);
      });
      const receipt = await client.send(jobs, "work", { headers: { colour: "green" } });
      const deliveries = await seen.first(3);
      assert.deepEqual(deliveries.map(facts), [
        { attempt: 1, id: receipt.id, value: "work", colour: "green" },
        { attempt: 2, id: receipt.id, value: "work", colour: "green" },
        { attempt: 3, id: receipt.id, value: "work", colour: "green" },
      ]);
      await context.never("a delivery after the successful one", () => seen.deliveries.length > 3);
    },
  },
  {
    id: "retries-stay-in-the-group",
    title: "A retry comes back to the group that failed and to no other.",
    promise: "P4",
    async run(context) {
      const client = await context.connect();
      const events = context.topic<string>();
      const well = await context.collect(client, events, { group: "well" });
      const failing = await context.collect(
        client,
        events,
        { group: "failing", retry: quickRetry() },
        (_, { attempt }) => {
          if (attempt < 3) throw new Error("not yet");
        },
      );
      await client.publish(events, "event");
      await failing.first(3);
      await well.first(1);
      await context.never("a retry in the other group", () => well.deliveries.length > 1);
      assert.deepEqual(
        failing.deliveries.map(({ attempt }) => attempt),
        [1, 2, 3],
      );
    },
  },
  {
    id: "dead-letter-after-attempts",
    title:
      "A message that always fails is a dead letter after exactly its attempts, with the uniform headers",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<{ order: string }>();
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      const startedAt = Date.now();
      const seen = await context.collect(client, jobs, { retry: quickRetry(3) }, () => {
        throw new Error("no stock");
      });
      const { id } = await client.send(jobs, { order: "o-1" }, { headers: { colour: "grün" } });
      const [letter] = await letters.first(1);
      assert.deepEqual(
        seen.deliveries.map(({ attempt }) => attempt),
        [1, 2, 3],
      );
      const details = detailsOf(letter);
      assert.equal(details.id, id);
      assert.equal(details.source, jobs.name);
      assert.equal(details.group, undefined);
      assert.equal(details.attempts, 3);
      assert.equal(details.errorCode, "HANDLER_FAILED");
      assert.match(details.errorMessage, /no stock/);
      assert.ok(details.firstFailedAt >= startedAt - 1, "the first failure is not before the case");
      assert.ok(details.lastFailedAt >= details.firstFailedAt + 20, "the last failure is after two backoffs");
      assert.ok(details.lastFailedAt <= Date.now() + 1, "the last failure is not in the future");
      assert.equal(letter?.headers.colour, "grün");
      assert.deepEqual(JSON.parse(new TextDecoder().decode(letter?.body)), { order: "o-1" });
      assert.equal(letter?.contentType, "application/json");
      await context.never("more than its attempts", () => seen.deliveries.length > 3);
      assert.equal(letters.deliveries.length, 1);
    },
  },
  {
    id: "dead-letter-of-a-group",
    title: "A group's dead letter names topic and group, and other groups have the message all the same.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const events = context.topic<string>();
      const letters = await context.collect(client, deadLetterOf({ topic: events, group: "failing" }));
      const well = await context.collect(client, events, { group: "well" });
      await context.collect(client, events, { group: "failing", retry: quickRetry(2) }, () => {
        throw new Error("no");
      });
      await client.publish(events, "event");
      const details = detailsOf((await letters.first(1))[0]);
      assert.equal(details.source, events.name);
      assert.equal(details.group, "failing");
      assert.equal(details.attempts, 2);
      await well.first(1);
      assert.deepEqual(well.values, ["event"]);
    },
  },
  {
    id: "keyed-dead-letter",
    title: "A keyed message that always fails becomes a dead letter, and then its key goes on in order.",
    promise: "P5",
    needs: ["ordering"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>({ key: ({ k }) => k });
      const history = context.history({ ordered: true });
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
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
      const details = detailsOf((await letters.first(1))[0]);
      assert.equal(details.attempts, 3);
      assert.deepEqual(attempts, [1, 2, 3]);
      history.check();
    },
  },
  {
    id: "non-retryable-at-once",
    title: "A non-retryable error makes a dead letter at once, without another attempt.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs, { retry: quickRetry(5) }, () => {
        throw new NonRetryableError("the account is closed");
      });
      await client.send(jobs, "work");
      const details = detailsOf((await letters.first(1))[0]);
      assert.equal(details.attempts, 1);
      assert.match(details.errorMessage, /the account is closed/);
      await context.never("another attempt", () => seen.deliveries.length > 1);
    },
  },
  {
    id: "policy-says-not-retryable",
    title: "The retry policy may say of an error that another attempt makes no sense.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      const retry = { ...quickRetry(5), retryable: (error: unknown) => !(error instanceof RangeError) };
      const seen = await context.collect(client, jobs, { retry }, (_, { attempt }) => {
        throw attempt === 1 ? new Error("try again") : new RangeError("out of range");
      });
      await client.send(jobs, "work");
      const details = detailsOf((await letters.first(1))[0]);
      assert.equal(details.attempts, 2);
      await context.never("another attempt", () => seen.deliveries.length > 2);
    },
  },
  {
    id: "throws-anything",
    title: "Whatever is thrown is a failure: a string, nothing, a huge message with line breaks.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
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
      const all = await letters.first(thrown.length);
      const bodies = all.map(({ body }) => Number(new TextDecoder().decode(body))).sort();
      assert.deepEqual(bodies, [0, 1, 2, 3, 4]);
      for (const letter of all) assert.equal(detailsOf(letter).attempts, 1);
    },
  },
  {
    id: "undecodable",
    title: "A body that cannot be decoded is a dead letter with the reason, and the handler is not called.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const raw = { ...context.queue<string>({ codec: text }), name: jobs.name };
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs, { retry: quickRetry(5) });
      await client.send(raw, "{ this is not JSON");
      await client.send(jobs, "fine");
      const [letter] = await letters.first(1);
      assert.equal(detailsOf(letter).errorCode, "DECODE_FAILED");
      assert.equal(new TextDecoder().decode(letter?.body), "{ this is not JSON");
      await seen.first(1);
      await context.never("the handler was given it", () => seen.deliveries.length > 1);
      assert.deepEqual(seen.values, ["fine"]);
    },
  },
  {
    id: "invalid-utf8",
    title: "Bytes that are no text are a dead letter with the bytes unharmed.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>({ codec: text });
      const raw = { ...context.queue<Uint8Array>({ codec: bytes }), name: jobs.name };
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs, { retry: quickRetry(5) });
      const body = Uint8Array.of(0xff, 0xfe, 0x00, 0xc3, 0x28);
      await client.send(raw, body);
      const [letter] = await letters.first(1);
      assert.equal(detailsOf(letter).errorCode, "DECODE_FAILED");
      assert.deepEqual(new Uint8Array(letter?.body ?? []), body);
      assert.equal(seen.deliveries.length, 0);
    },
  },
  {
    id: "schema-invalid",
    title: "A body that fails its schema is a dead letter with the reason, and the handler is not called.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>({ schema: onlyPositive });
      const loose = { ...context.queue<number>(), name: jobs.name };
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs, { retry: quickRetry(5) });
      await client.send(loose, -1);
      await client.send(jobs, 1);
      const details = detailsOf((await letters.first(1))[0]);
      assert.equal(details.errorCode, "VALIDATION_FAILED");
      assert.match(details.errorMessage, /positive/);
      await seen.first(1);
      await context.never("the handler was given it", () => seen.deliveries.length > 1);
      assert.deepEqual(seen.values, [1]);
    },
  },
  {
    id: "own-dead-letter-queue",
    title: "Failed messages go to a queue of the application's own where it names one.",
    promise: "P5",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const graveyard = context.queue<string>();
      const letters = await context.collect(client, graveyard);
      await client.consume(jobs, { retry: quickRetry(2), deadLetter: graveyard }, () => {
        throw new Error("no");
      });
      await client.send(jobs, "work");
      const [letter] = await letters.first(1);
      assert.equal(letter?.value, "work");
      assert.equal(detailsOf(letter).source, jobs.name);
    },
  },
  {
    id: "discard",
    title: "With `discard`, a message that failed for good is gone, and the next one is handled.",
    promise: "P5",
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
    id: "dead-letter-unavailable",
    title: "While the dead-letter destination takes nothing, the original is not acked.",
    promise: "P5",
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
      await broken.close({ deadlineMs: 1000 });

      const healthy = await context.connect();
      const seen = await context.collect(healthy, jobs);
      await seen.first(1);
      assert.deepEqual(seen.values, ["precious"]);
    },
  },
  {
    id: "dead-letter-available-again",
    title: "Once the dead-letter destination is back, what waited for it arrives there.",
    promise: "P5",
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
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      await client.consume(jobs, { retry: quickRetry(1) }, () => {
        throw new Error("no");
      });
      await client.send(jobs, "precious");
      await context.eventually("a refusal by the dead-letter queue", () => refusals > 0);
      assert.equal(letters.deliveries.length, 0);
      available = true;
      const [letter] = await letters.first(1);
      assert.equal(new TextDecoder().decode(letter?.body), '"precious"');
    },
  },
  {
    id: "poison-process",
    title: "A message that kills its process every time ends as a dead letter and does not loop for ever.",
    promise: "P5",
    parts: ["crash"],
    timeoutMs: 180_000,
    applies: ({ attempts }) =>
      attempts === "exact" || "the broker does not count deliveries that ended without a settlement",
    async run(context) {
      const jobs = context.queue<string>();
      const watcher = await context.connect();
      const letters = await context.collect(watcher, deadLetterOf({ queue: jobs }));
      await watcher.topology.declare(jobs);
      await watcher.send(jobs, "poison");
      const attempts: number[] = [];
      while (letters.deliveries.length === 0 && attempts.length < 10) {
        const before = attempts.length;
        const mortal = await context.mortal();
        const victim = await context.connect({ onError: () => undefined }, mortal.driver);
        await victim.consume(jobs, { retry: quickRetry(3) }, async (_, { attempt }) => {
          attempts.push(attempt);
          await mortal.die();
          await new Promise(() => undefined);
        });
        await context.eventually(
          "the poison, or its dead letter",
          () => attempts.length > before || letters.deliveries.length > 0,
          60_000,
        );
        // What follows would find the message gone while the dead process still lets go of it.
        void victim.close({ deadlineMs: 0 });
      }
      assert.deepEqual(attempts, [1, 2, 3]);
      assert.equal(detailsOf(letters.deliveries[0]).attempts, 3);
    },
  },
  {
    id: "custom-backoff",
    title: "A backoff function is given the attempt that failed and its error.",
    promise: "P4",
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
        { retry: { attempts: 4, backoff } },
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
    id: "exponential-backoff",
    title: "Retries come no earlier than their exponential backoff, and no later than the stated tolerance.",
    promise: "P4",
    exclusive: true,
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      await backoffBounds(context.capabilities.features.delay, async (handle) => {
        const retry = { attempts: 4, backoff: { initialMs: 100, factor: 2, jitter: 0 } };
        const seen = await context.collect(client, jobs, { retry }, handle);
        await client.send(jobs, "work");
        await seen.first(4);
      });
    },
  },
  {
    id: "keyed-exponential-backoff",
    title: "Retries of a keyed message keep the same bounds.",
    promise: "P4",
    needs: ["ordering"],
    exclusive: true,
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>({ key: () => "one" });
      await backoffBounds(undefined, async (handle) => {
        const retry = { attempts: 4, backoff: { initialMs: 100, factor: 2, jitter: 0 } };
        const seen = await context.collect(client, jobs, { retry }, handle);
        await client.send(jobs, "work");
        await seen.first(4);
      });
    },
  },
  {
    id: "others-go-on",
    title: "While one message waits for its retry, others are handled, even one at a time.",
    promise: "P4",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const retry = { attempts: 3, backoff: { initialMs: 1500, jitter: 0 } };
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
  {
    id: "pause-while-dependency-down",
    title: "A handler can pause its subscription while what it depends on is down, and nothing is given up.",
    promise: "P4",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>();
      const history = context.history();
      const retry = { ...quickRetry(), attempts: Number.POSITIVE_INFINITY };
      let down = true;
      let calls = 0;
      const subscription = await client.consume(jobs, { concurrency: 4, retry }, (message, delivery) => {
        calls++;
        if (down) {
          delivery.subscription.pause();
          throw new Error("the database is down");
        }
        history.deliver(message);
      });
      await Promise.all(
        Array.from({ length: 20 }, () => history.publish((message) => client.send(jobs, message))),
      );
      await context.eventually("the subscription is paused", () => subscription.state === "paused");
      await context.eventually("running handlers have ended", () => subscription.running === 0);
      const before = calls;
      assert.ok(before <= 4, `${before} handlers met the dependency that was down`);
      await context.never("a handler starts while paused", () => calls > before, 300);
      down = false;
      subscription.resume();
      await context.eventually("all are handled", () => history.complete());
      history.check();
    },
  },
  {
    id: "circuit-breaker",
    title: "A circuit breaker stops asking a dependency that is down, and nothing is given up.",
    promise: "P4",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>();
      const history = context.history();
      let down = true;
      let calls = 0;
      const subscription = await client.consume(
        jobs,
        {
          concurrency: 1,
          retry: { ...quickRetry(), attempts: Number.POSITIVE_INFINITY },
          use: [circuitBreaker({ failures: 3, pauseMs: 400 })],
        },
        (message) => {
          calls++;
          if (down) throw new Error("the database is down");
          history.deliver(message);
        },
      );
      await Promise.all(
        Array.from({ length: 20 }, () => history.publish((message) => client.send(jobs, message))),
      );
      await context.eventually("it pauses", () => subscription.state === "paused");
      assert.equal(calls, 3);
      await context.eventually("it tries once more", () => calls === 4);
      await context.eventually("it pauses again", () => subscription.state === "paused");
      down = false;
      await context.eventually("all are handled", () => history.complete());
      history.check();
    },
  },
  {
    id: "handler-timeout",
    title: "A handler that takes longer than its limit has failed, and the message comes again.",
    promise: "P4",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const letters = await context.collect(client, deadLetterOf({ queue: jobs }));
      const options = { retry: quickRetry(2), use: [timeout(100)] };
      const seen = await context.collect(client, jobs, options, () => new Promise(() => undefined));
      await client.send(jobs, "endless");
      const details = detailsOf((await letters.first(1))[0]);
      assert.equal(details.errorCode, "HANDLER_TIMEOUT");
      assert.equal(details.attempts, 2);
      assert.equal(seen.deliveries.length, 2);
    },
  },
]);

function facts({ attempt, id, value, headers }: Delivery<string>) {
  return { attempt, id, value, colour: headers.colour };
}

function detailsOf(letter: Delivery | undefined) {
  assert.ok(letter !== undefined, "there is a letter");
  const details = deadLetterDetails(letter);
  assert.ok(details !== undefined, "the letter has the dead-letter headers");
  return details;
}

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
