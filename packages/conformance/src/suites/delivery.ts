import assert from "node:assert/strict";
import { MessagingError, PartialFailureError } from "@waybill/core";
import { suite } from "../case.ts";
import { failure } from "../failing.ts";
import type { Numbered } from "../history.ts";
import { watched } from "../refusing.ts";
import { wrapDriver } from "../wrap.ts";

/** What is confirmed is stored, and what is stored comes out once. */
export const delivery = suite("delivery", [
  {
    id: "one-by-topic",
    title: "A published message reaches a subscriber.",
    guarantee: "G1",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<{ id: string }>();
      const seen = await context.collect(client, topic, { group: context.name() });
      const receipt = await client.publish(topic, { id: "o-1" });
      const [got] = await seen.first(1);
      assert.deepEqual(got?.value, { id: "o-1" });
      assert.equal(got?.id, receipt.id);
      assert.equal(got?.source, topic.name);
      assert.equal(got?.attempt, 1);
      await context.never("a second delivery", () => seen.deliveries.length > 1, 100);
    },
  },
  {
    id: "one-by-queue",
    title: "A sent message reaches a consumer.",
    guarantee: "G1",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<{ id: string }>();
      const seen = await context.collect(client, queue);
      const receipt = await client.send(queue, { id: "o-1" });
      const [got] = await seen.first(1);
      assert.deepEqual(got?.value, { id: "o-1" });
      assert.equal(got?.id, receipt.id);
      assert.equal(got?.source, queue.name);
      assert.equal(got?.group, undefined);
      assert.equal(got?.attempt, 1);
      await context.never("a second delivery", () => seen.deliveries.length > 1, 100);
    },
  },
  {
    id: "partial-failure-names-the-failed",
    title: "When the broker refuses some messages of a batch, the error names those and no others.",
    guarantee: "G1",
    async run(context) {
      const driver = wrapDriver(context.driver(), {
        connection: (connection) => ({
          async publish(to, batch, call) {
            const good = batch.filter(({ headers }) => headers.refuse === undefined);
            const outcomes = good.length === 0 ? [] : [...(await connection.publish(to, good, call))];
            return batch.map(({ headers }) =>
              headers.refuse === undefined
                ? (outcomes.shift() as (typeof outcomes)[number])
                : { ok: false, cause: new MessagingError("BROKER_ERROR", "Refused by the suite.") },
            );
          },
        }),
      });
      const marking = async (
        message: { value: unknown; headers: Record<string, string> },
        next: () => never,
      ) => {
        if ((message.value as number) % 3 === 1) message.headers.refuse = "yes";
        return next();
      };
      const client = await context.connect({ middleware: { publish: [marking as never] } }, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      const error = await failure(() => client.sendBatch(queue, [0, 1, 2, 3, 4, 5]), "PARTIAL_FAILURE");
      assert(error instanceof PartialFailureError);
      assert.deepEqual(
        error.failures.map((failed) => [failed.index, failed.error.code]),
        [
          [1, "BROKER_ERROR"],
          [4, "BROKER_ERROR"],
        ],
      );
      await seen.first(4);
      assert.deepEqual([...seen.values].sort(), [0, 2, 3, 5]);
    },
  },
  {
    id: "batch-of-a-thousand",
    title: "A batch of a thousand gets a thousand receipts, in order, and comes out once each.",
    guarantee: "G1",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<Numbered>();
      const history = context.history();
      const seen = await context.collect(client, queue, { concurrency: 100 }, (value) =>
        history.deliver(value),
      );
      const messages = Array.from({ length: 1000 }, () => history.next());
      const receipts = await client.sendBatch(queue, messages);
      for (const message of messages) history.confirm(message);
      assert.equal(new Set(receipts.map(({ id }) => id)).size, 1000);
      await context.eventually("all to be delivered", () => history.complete("reader"));
      for (const { id, value } of seen.deliveries) assert.equal(receipts[value.n]?.id, id);
      await context.never("a duplicate", () => history.counts().duplicated > 0, 100);
      history.check();
    },
  },
  {
    id: "empty-batch",
    title: "An empty batch resolves with nothing and does nothing.",
    guarantee: "G1",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      calls.length = 0;
      assert.deepEqual(await client.publishBatch(context.topic(), []), []);
      assert.deepEqual(await client.sendBatch(context.queue(), []), []);
      assert.equal(calls.includes("publish"), false);
    },
  },
  {
    id: "same-turn-travels-together",
    title: "What is published in the same turn shares calls to the broker.",
    guarantee: "G1",
    applies: ({ publishing }) => publishing.maxMessages > 1 || "the broker takes one message a call",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      const queue = context.queue<number>();
      await client.send(queue, -1);
      calls.length = 0;
      await Promise.all(Array.from({ length: 100 }, (_, n) => client.send(queue, n)));
      const { maxMessages } = context.capabilities.publishing;
      const least = Math.ceil(100 / maxMessages);
      const made = calls.filter((call) => call === "publish").length;
      assert(made <= least + 5, `${made} calls for 100 messages, where ${least} would do`);
    },
  },
  {
    id: "topics-are-isolated",
    title: "A subscriber gets what was published to its topic, and nothing else.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const topics = [context.topic<number>(), context.topic<number>(), context.topic<number>()];
      const group = context.name();
      const seen = await Promise.all(topics.map((topic) => context.collect(client, topic, { group })));
      for (let n = 0; n < 10; n++) await Promise.all(topics.map((topic, t) => client.publish(topic, t)));
      await Promise.all(seen.map((one) => one.first(10)));
      await context.never("an eleventh", () => seen.some(({ deliveries }) => deliveries.length > 10), 100);
      for (const [t, { values }] of seen.entries()) assert.deepEqual(values, Array(10).fill(t));
    },
  },
  {
    id: "twenty-topics-at-once",
    title: "Twenty topics with a hundred messages each at once: every message comes once, in its topic.",
    guarantee: "G2",
    timeoutMs: 120_000,
    exclusive: true,
    async run(context) {
      const client = await context.connect();
      const group = context.name();
      const partitions = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const topic = context.topic<Numbered>();
          const history = context.history();
          await context.collect(client, topic, { group }, (message) => history.deliver(message));
          return { topic, history };
        }),
      );
      await Promise.all(
        partitions.flatMap(({ topic, history }) =>
          Array.from({ length: 100 }, () => history.publish((message) => client.publish(topic, message))),
        ),
      );
      const done = () => partitions.every(({ history }) => history.complete("reader"));
      await context.eventually("all to be delivered", done, 60_000);
      for (const { history } of partitions) history.check();
    },
  },
  {
    id: "five-thousand",
    title: "Five thousand messages from fifty publishers to ten members on two clients: each comes once.",
    guarantee: "G2",
    timeoutMs: 180_000,
    exclusive: true,
    async run(context) {
      const topic = context.topic<Numbered>();
      const group = context.name();
      const history = context.history();
      const readers = [await context.connect(), await context.connect()];
      for (const client of readers) {
        for (let member = 0; member < 5; member++) {
          await context.collect(client, topic, { group }, (message) => history.deliver(message));
        }
      }
      const writers = [await context.connect(), await context.connect()];
      await Promise.all(
        Array.from({ length: 50 }, async (_, p) => {
          const client = writers[p % 2] as (typeof writers)[number];
          for (let n = 0; n < 100; n++) {
            await history.publish((message) => client.publish(topic, message), "", `p${p}`);
          }
        }),
      );
      await context.eventually("all to be delivered", () => history.complete("reader"), 60_000);
      await context.never("a duplicate", () => history.counts().duplicated > 0, 300);
      history.check();
    },
  },
  {
    id: "nothing-is-dropped-in-a-long-run",
    title: "Twenty thousand small messages come out once each.",
    guarantee: "G2",
    timeoutMs: 180_000,
    exclusive: true,
    async run(context) {
      const queue = context.queue<Numbered>();
      const history = context.history();
      const client = await context.connect();
      await context.collect(client, queue, { concurrency: 200 }, (message) => history.deliver(message));
      for (let batch = 0; batch < 20; batch++) {
        const messages = Array.from({ length: 1000 }, () => history.next());
        await client.sendBatch(queue, messages);
        for (const message of messages) history.confirm(message);
      }
      await context.eventually("all to be delivered", () => history.complete("reader"), 90_000);
      await context.never("a duplicate", () => history.counts().duplicated > 0, 200);
      history.check();
    },
  },
  {
    id: "confirmed-survives-its-publisher",
    title: "A message whose publish has resolved is delivered, although its publisher died in that moment.",
    guarantee: "G1",
    parts: ["crash"],
    async run(context) {
      const queue = context.queue<Numbered>();
      const history = context.history();
      const reader = await context.connect();
      await context.collect(reader, queue, {}, (message) => history.deliver(message));
      const crashable = await context.crashable();
      const writer = await context.connect({ publishTimeoutMs: 10_000 }, crashable.driver);
      let confirmed = 0;
      const sends = Array.from({ length: 200 }, async () => {
        await history.publish((message) => writer.send(queue, message));
        if (++confirmed === 100) await crashable.die();
      });
      await Promise.allSettled(sends);
      assert(confirmed >= 100);
      await context.eventually("what was confirmed to be delivered", () => history.complete("reader"));
      history.check({ duplicates: 200 });
    },
  },
  {
    id: "unrouted-is-told",
    title: "A publish to a topic that no group keeps resolves, and says so where the broker can tell.",
    guarantee: "G1",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const nobody = await client.publish(topic, 1);
      assert.equal(nobody.unrouted, context.capabilities.reportsUnrouted);
      await context.collect(client, topic, { group: context.name() });
      const somebody = await client.publish(topic, 2);
      assert.equal(somebody.unrouted, false);
    },
  },
  {
    id: "assumed-topic-missing",
    title:
      "With `topology: assume`, publishing to a topic that does not exist is NOT_FOUND, and makes nothing.",
    guarantee: "G1",
    async run(context) {
      const client = await context.connect({ topology: "assume", publishTimeoutMs: 10_000 });
      const topic = context.topic<number>();
      const error = await failure(() => client.publish(topic, 1), "NOT_FOUND");
      assert.equal(error.retryable, false);
      const [report] = await client.topology.inspect(topic);
      assert.equal(report?.exists, false);
    },
  },
  {
    id: "assumed-queue-missing",
    title: "With `topology: assume`, sending to a queue that does not exist is NOT_FOUND, and makes nothing.",
    guarantee: "G1",
    async run(context) {
      const client = await context.connect({ topology: "assume", publishTimeoutMs: 10_000 });
      const queue = context.queue<number>();
      await failure(() => client.send(queue, 1), "NOT_FOUND");
      const [report] = await client.topology.inspect(queue);
      assert.equal(report?.exists, false);
    },
  },
]);
