import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { MessagingError, type QueueContract } from "@waybill/core";
import type { AnyClient } from "../any-client.ts";
import { type Case, suite } from "../case.ts";
import type { Context } from "../context.ts";
import { assertMessagingError } from "../failing.ts";
import { Gate } from "../gate.ts";
import type { History, Numbered } from "../history.ts";
import { Load } from "../load.ts";
import { part } from "../parts.ts";
import { startWorker } from "../programs/start-worker.ts";
import { quickRetry } from "../quick-retry.ts";
import { wrapDriver } from "../wrap.ts";

/** G9. Closing ends what runs, settles what ended, and hands back the rest at once. */
export const drain: readonly Case[] = suite("drain", [
  {
    id: "finishes-running",
    title: "`close` waits for running handlers, and their messages are settled.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      await finishesRunning(client, jobs, context, () => client.close());
    },
  },
  {
    id: "await-using",
    title: "Leaving the scope of `await using` does the same.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      await finishesRunning(client, jobs, context, () => client[Symbol.asyncDispose]());
    },
  },
  {
    id: "of-one-subscription",
    title: "Closing one subscription drains it alone: its client and its neighbours go on.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const others = context.queue<string>();
      const neighbour = await context.collect(client, others);
      const gate = new Gate();
      const seen = await context.collect(client, jobs, {}, () => gate.opened);
      await client.send(jobs, "work");
      await seen.first(1);
      const closing = seen.subscription.close();
      assert.equal(seen.subscription.state, "closing");
      await client.send(others, "meanwhile");
      await neighbour.first(1);
      gate.open();
      await closing;
      assert.equal(seen.subscription.state, "closed");
      assert.equal(await seen.subscription.ended, undefined);
      await client.send(others, "afterwards");
      await neighbour.first(2);
    },
  },
  {
    id: "starts-nothing-more",
    title:
      "Once `close` is called no handler starts, and all that was not handled is there for the next consumer.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>();
      const history = context.history();
      const gate = new Gate();
      let started = 0;
      await client.consume(jobs, { concurrency: 3, prefetch: 50 }, async (message) => {
        started++;
        await gate.opened;
        history.deliver(message);
      });
      await new Load(history, (message) => client.send(jobs, message), { count: 60 }).done;
      await context.eventually("three handlers run", () => started === 3);
      const closing = client.close();
      gate.open();
      await closing;
      assert.equal(started, 3, "a handler was started while closing");
      await takeTheRest(await context.connect(), jobs, history, context);
    },
  },
  {
    id: "prefetched-at-once",
    title:
      "What was prefetched is with another consumer within seconds of closing, not at the end of a lease.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      await client.topology.declare(jobs);
      await client.sendBatch(jobs, numbers(50));
      const gate = new Gate();
      const first = await context.collect(client, jobs, { concurrency: 1, prefetch: 50 }, () => gate.opened);
      await first.first(1);
      await context.eventually("some are prefetched", () => first.subscription.held > 5);
      const second = await context.collect(await context.connect(), jobs);
      const closing = client.close();
      gate.open();
      await closing;
      await second.first(49, promptlyMs);
      const values = [...first.values, ...second.values].sort((a, b) => a - b);
      assert.deepEqual(values, numbers(50), "each was handled once");
    },
  },
  {
    id: "keyed-retry-goes-on",
    title:
      "An orderly close keeps a keyed retry's attempt and backoff, and its place before what follows it, where another client takes over.",
    guarantee: "G4",
    needs: ["ordering"],
    applies: ({ handBack }) =>
      handBack !== undefined || "Its consumers hand back at once, and with the broker's count.",
    timeoutMs: 120_000,
    run: keyedRetryGoesOn,
  },
  {
    id: "past-the-deadline",
    title:
      "What is unfinished at the deadline is not acked, its handler is told, and another gets it promptly.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const gate = new Gate();
      const results: unknown[] = [];
      const stuck = await context.collect(client, jobs, {}, async (_, delivery) => {
        await gate.opened;
        results.push(await delivery.ack());
      });
      await client.send(jobs, "endless");
      const [delivery] = await stuck.first(1);
      const before = performance.now();
      await context.inTime(
        "closing with a deadline of 300 ms",
        300 + promptlyMs,
        client.close({ timeoutMs: 300 }),
      );
      assert.ok(performance.now() - before >= 295, "the deadline was not waited for");
      assert.equal(delivery?.signal.aborted, true, "the handler was not told");
      const other = await context.collect(await context.connect(), jobs);
      await other.first(1, promptlyMs);
      gate.open();
      await context.eventually("the late handler ends without harm", () => results.length > 0);
      assert.deepEqual(results, ["lost"]);
      await context.never("it comes once more", () => other.deliveries.length > 1);
    },
  },
  {
    id: "cancelled-handler-settles-nothing",
    title: "A handler that ends because of the drain, in peace or by throwing, settles nothing.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const stuck = await context.collect(
        client,
        jobs,
        { retry: { maxAttempts: 1 } },
        async (value, { signal }) => {
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          if (value === "throws") throw signal.reason;
        },
      );
      await client.sendBatch(jobs, ["throws", "resolves"]);
      await stuck.first(2);
      await client.close({ timeoutMs: 100 });
      const other = await context.collect(await context.connect(), jobs);
      await other.first(2, promptlyMs);
      assert.deepEqual([...other.values].sort(), ["resolves", "throws"]);
    },
  },
  {
    id: "nothing-lost-nothing-repeated",
    title: "Consumers that come and go under load lose nothing and repeat nothing.",
    guarantee: "G9",
    async run(context) {
      const publisher = await context.connect();
      const jobs = context.queue<Numbered>();
      const history = context.history();
      await publisher.topology.declare(jobs);
      const load = new Load(history, (message) => publisher.send(jobs, message), {
        count: 2000,
        window: 100,
      });
      for (let goal = 400; goal <= 1600; goal += 400) {
        const client = await context.connect();
        await client.consume(jobs, { concurrency: 10 }, async (message) => {
          await new Promise(setImmediate);
          history.deliver(message);
        });
        await context.eventually(`${goal} are handled`, () => history.distinct() >= goal);
        await client.close();
      }
      await load.done;
      await takeTheRest(await context.connect(), jobs, history, context);
    },
  },
  {
    id: "waiting-retry-is-kept",
    title: "A message that waits for its retry when its consumer closes is retried by the next one.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const retry = { maxAttempts: 5, backoff: { initialMs: 800, jitter: 0 } };
      const first = await context.collect(client, jobs, { retry }, () => {
        throw new Error("not here");
      });
      await client.send(jobs, "work");
      await first.first(1);
      await context.inTime("closing while a retry waits", promptlyMs, client.close());
      const second = await context.collect(await context.connect(), jobs, { retry });
      const [delivery] = await second.first(1);
      assert.equal(delivery?.attempt, 2);
      await context.never("it comes once more", () => second.deliveries.length > 1);
    },
  },
  {
    id: "waiting-keyed-retry-is-kept",
    title: "A keyed message that waits for its retry is kept as well, and its key's order with it.",
    guarantee: "G9",
    needs: ["ordering"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>({ key: ({ k }) => k });
      const history = context.history({ ordered: true });
      const retry = { maxAttempts: 50, backoff: { initialMs: 3_000, maxMs: 3_000, jitter: 0 } };
      let failed = 0;
      await client.consume(jobs, { retry }, (message) => {
        if (message.n < 2) return history.deliver(message);
        failed++;
        throw new Error("not here");
      });
      await new Load(history, (message) => client.send(jobs, message), { count: 10, keys: ["key"] }).done;
      await context.eventually("the third fails", () => failed === 1);
      await context.inTime("closing while a retry waits", promptlyMs, client.close());
      await takeTheRest(await context.connect(), jobs, history, context);
    },
  },
  {
    id: "flushes-publishes",
    title: "Publishes that are outstanding when `close` is called are confirmed or rejected, none forgotten.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<Numbered>();
      const history = context.history();
      await client.topology.declare(jobs);
      const outcomes = Array.from({ length: 500 }, () =>
        history
          .publish((message) => client.send(jobs, message))
          .then(
            () => "confirmed",
            (error: unknown) => {
              assertMessagingError(error);
              return "rejected";
            },
          ),
      );
      await client.close();
      // What is not settled once `close` has resolved never will be.
      const settled = await context.inTime("all publishes are settled", 1000, Promise.all(outcomes));
      assert.ok(settled.includes("confirmed"), "nothing was flushed");
      const reader = await context.connect();
      await reader.consume(jobs, (message) => history.deliver(message));
      await context.eventually("all that was confirmed arrives", () => history.complete());
      history.check();
    },
  },
  {
    id: "flush-is-bounded",
    title: "A broker that confirms nothing cannot keep `close` from ending, and the publishes are rejected.",
    guarantee: "G9",
    async run(context) {
      const driver = wrapDriver(context.driver(), {
        connection: () => ({
          publish: (_to, _batch, { signal }) =>
            new Promise((_, reject) => {
              const cause = new MessagingError("TIMEOUT", "The broker keeps silent.");
              if (signal.aborted) reject(cause);
              signal.addEventListener("abort", () => reject(cause), { once: true });
            }),
        }),
      });
      const client = await context.connect({ drainTimeoutMs: 500 }, driver);
      const jobs = context.queue<string>();
      await client.topology.declare(jobs);
      const errors: unknown[] = [];
      const sending = numbers(5).map((n) =>
        client.send(jobs, String(n)).catch((error) => errors.push(error)),
      );
      await context.eventually("all wait", () => client.health().pendingPublishes === 5);
      await context.inTime("closing", 500 + promptlyMs, client.close());
      await context.inTime("all publishes are settled", 1000, Promise.all(sending));
      assert.equal(errors.length, 5);
      for (const error of errors) assertMessagingError(error);
    },
  },
  {
    id: "leaving-the-loop",
    title: "Leaving a `for await` loop hands back at once what was not settled.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      await client.topology.declare(jobs);
      await client.sendBatch(jobs, numbers(20));
      const acked: number[] = [];
      for await (const delivery of client.messages(jobs, { concurrency: 5, prefetch: 10 })) {
        acked.push(delivery.value);
        assert.equal(await delivery.ack(), "settled");
        if (acked.length === 5) break;
      }
      const other = await context.collect(await context.connect(), jobs);
      await other.first(15, promptlyMs);
      const values = [...acked, ...other.values].sort((a, b) => a - b);
      assert.deepEqual(values, numbers(20), "each was handled once");
    },
  },
  {
    id: "sigterm",
    title: "A process that closes its client on SIGTERM ends with code 0, and nothing is lost or repeated.",
    guarantee: "G9",
    parts: ["url"],
    async run(context) {
      const url = part(context.target, "url");
      const client = await context.connect();
      const jobs = context.queue<Numbered>();
      const history = context.history();
      await client.topology.declare(jobs);
      await new Load(history, (message) => client.send(jobs, message), { count: 200 }).done;
      const worker = await startWorker({
        reach: url,
        queue: jobs.name,
        ordered: false,
        handler: { takesMs: 50 },
        concurrency: 4,
        prefetch: 20,
        attempts: 5,
      });
      context.atEnd(() => worker.kill("SIGKILL"));
      const told = (event: string) => worker.reports.filter((report) => report.event === event).length;
      await context.eventually("ten are handled", () => told("finished") >= 10);
      worker.kill("SIGTERM");
      const { code, signal } = await context.inTime("ending after SIGTERM", 15_000, worker.exited);
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, worker.stderr());
      assert.equal(told("started"), told("finished"), "a handler was cut off");
      for (const report of worker.reports) {
        if (report.event === "finished") history.deliver(report.value as Numbered);
      }
      await takeTheRest(client, jobs, history, context);
    },
  },
]);

/** What "at once" means to a broker on another computer: far below any lease, far above any round trip. */
const promptlyMs = 10_000;

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

/** A handler is running while `close` is called. */
/** Long enough that a close comes in between on any computer, in milliseconds. */
const backoffMs = 6_000;

/** Of two members, the one at which a message has failed twice closes, and the other one goes on. */
async function keyedRetryGoesOn(context: Context): Promise<void> {
  const { keepsAttempt = false, maxDelayMs = 0 } = context.capabilities.handBack ?? {};
  const sender = await context.connect();
  const jobs = context.queue<string>({ key: (value) => value.slice(0, 1) });
  await sender.topology.declare(jobs);
  // What the application asks for counts, however short the policy's own backoff.
  const retry = quickRetry(10);
  const calls: { readonly value: string; readonly attempt: number; readonly at: number }[] = [];
  const failedAt: number[] = [];
  const failedBy: AnyClient[] = [];
  for (const client of [await context.connect(), await context.connect()]) {
    await client.consume(jobs, { retry }, async (value, delivery) => {
      const { attempt } = delivery;
      const at = performance.now();
      if (value.startsWith("a")) calls.push({ value, attempt, at });
      if (value !== "a fails" || failedAt.length === 2) return;
      failedAt.push(at);
      failedBy.push(client);
      if (failedAt.length === 1) throw new Error("not yet");
      await delivery.retry({ delayMs: backoffMs });
    });
  }
  await sender.sendBatch(jobs, ["a fails", "a follows", "b", "c", "d"]);
  const leaving = await context.eventually("its second failure", () => failedBy[1]);
  await leaving?.close();
  await context.eventually(
    "what follows it",
    () => calls.some(({ value }) => value === "a follows"),
    backoffMs + 60_000,
  );
  assert.deepEqual(
    calls.map(({ value }) => value),
    ["a fails", "a fails", "a fails", "a follows"],
  );
  const attempts = calls.slice(0, 3).map(({ attempt }) => attempt);
  if (keepsAttempt) assert.deepEqual(attempts, [1, 2, 3]);
  else if (context.capabilities.attempts === "exact")
    assert(attempts[2] !== 1, "it came as if nobody had seen it before");
  const waitedMs = (calls[2]?.at ?? 0) - (failedAt[1] ?? 0);
  // Computers may differ in what time it is by a little.
  if (maxDelayMs >= backoffMs)
    assert(waitedMs >= backoffMs - 100, `came after ${waitedMs} ms, before its ${backoffMs} ms`);
}

async function finishesRunning(
  client: AnyClient,
  jobs: QueueContract<string>,
  context: Context,
  close: () => PromiseLike<void>,
): Promise<void> {
  const gate = new Gate();
  let ended = false;
  const seen = await context.collect(client, jobs, {}, async () => {
    await gate.opened;
    await sleep(50);
    ended = true;
  });
  await client.send(jobs, "work");
  const [delivery] = await seen.first(1);
  let closed = false;
  const closing = Promise.resolve(close()).then(() => {
    closed = true;
  });
  await context.never("it closed while a handler ran", () => closed);
  assert.equal(delivery?.signal.aborted, false, "the handler was told to stop before the deadline");
  gate.open();
  await closing;
  assert.equal(ended, true, "it closed before the handler had ended");

  const other = await context.connect();
  const rest = await context.collect(other, jobs);
  await other.send(jobs, "control");
  await rest.first(1);
  await context.never("what was handled comes again", () => rest.deliveries.length > 1);
  assert.deepEqual(rest.values, ["control"]);
}

/** Consumes what others have left, and checks that all was handled exactly once. */
async function takeTheRest(
  client: AnyClient,
  jobs: QueueContract<Numbered>,
  history: History,
  context: Context,
): Promise<void> {
  await client.consume(jobs, { concurrency: 10 }, (message) => history.deliver(message));
  await context.eventually("all are handled", () => history.complete());
  await context.never("something is repeated", () => history.counts().duplicated > 0);
  history.check();
}
