import assert from "node:assert/strict";
import { MessagingError } from "@waybill/core";
import { suite } from "../case.ts";
import { assertMessagingError, failure } from "../failing.ts";
import { wrapConsumer, wrapDriver } from "../wrap.ts";

const nothing = () => undefined;

/** A failure is told in words that a program can read, and what fails in the background at the one place for it. */
export const errors = suite("errors", [
  {
    id: "vendor-errors-are-translated",
    title: "An error of the driver's reaches the caller as a MessagingError that has it as its cause.",
    guarantee: "G12",
    async run(context) {
      const vendor = new Error("E_VENDOR: computer says no");
      const driver = wrapDriver(context.driver(), {
        connection: () => ({
          publish: async (_to, batch) => batch.map(() => ({ ok: false, cause: vendor })),
        }),
      });
      const client = await context.connect({ publishTimeoutMs: 2_000 }, driver);
      let error: unknown;
      try {
        await client.send(context.queue(), 1);
      } catch (caught) {
        error = caught;
      }
      assertMessagingError(error);
      let cause: unknown = error;
      while (cause !== undefined && cause !== vendor) cause = (cause as Error).cause;
      assert.equal(cause, vendor, "the vendor's own error is among its causes");
    },
  },
  {
    id: "classifying-never-throws",
    title: "Classifying takes anything that may be thrown, and knows nothing of what is not the vendor's.",
    guarantee: "G12",
    async run(context) {
      const driver = context.driver();
      for (const cause of [undefined, null, 0, "text", {}, [], Symbol("s"), () => 1, Object.create(null)]) {
        assert.equal(driver.classify(cause), undefined);
      }
      assert.equal(driver.classify(new TypeError("x is not a function")), undefined);
    },
  },
  {
    id: "retryable-failures-are-retried",
    title: "A publish that fails as retryable is tried again within its time, and resolves.",
    guarantee: "G10",
    async run(context) {
      let failures = 0;
      const driver = wrapDriver(context.driver(), {
        connection: (connection) => ({
          publish: async (to, batch, call) => {
            if (failures++ < 2) throw new MessagingError("TIMEOUT", "Said by the suite.");
            return connection.publish(to, batch, call);
          },
        }),
      });
      const client = await context.connect({}, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      assert(failures > 2);
    },
  },
  {
    id: "publish-has-a-bound",
    title: "A publish that is never confirmed fails once its time is over, as retryable.",
    guarantee: "G10",
    async run(context) {
      const driver = wrapDriver(context.driver(), {
        connection: () => ({
          publish: (_to, _batch, call) =>
            new Promise((_, reject) => {
              call.signal.addEventListener("abort", () => reject(call.signal.reason));
            }),
        }),
      });
      const client = await context.connect({ publishTimeoutMs: 500 }, driver);
      const sending = failure(
        () => client.send(context.queue(), 1),
        "TIMEOUT",
        "UNREACHABLE",
        "CONNECTION_LOST",
      );
      const error = await context.inTime("the publish to fail", 10_000, sending);
      assert.equal(error.retryable, true);
      await context.inTime("the client to close", 20_000, client.close({ timeoutMs: 100 }));
    },
  },
  {
    id: "too-much-is-refused",
    title: "What is over `maxPending` fails at once as OVERLOADED and retryable; the rest is not harmed.",
    guarantee: "G7",
    async run(context) {
      const held: (() => void)[] = [];
      let holding = true;
      const driver = wrapDriver(context.driver(), {
        connection: (connection) => ({
          publish: async (to, batch, call) => {
            if (holding) await new Promise<void>((resolve) => held.push(resolve));
            return connection.publish(to, batch, call);
          },
        }),
      });
      const client = await context.connect({ maxPending: { messages: 10 } }, driver);
      const queue = context.queue<number>();
      const sends = Array.from({ length: 10 }, (_, n) => client.send(queue, n));
      const error = await failure(() => client.send(queue, 10), "OVERLOADED");
      assert.equal(error.retryable, true);
      assert.equal(client.health().pendingPublishes, 10);
      await context.eventually("the publishes to be under way", () => held.length > 0);
      holding = false;
      for (const go of held) go();
      await Promise.all(sends);
      await client.send(queue, 11);
    },
  },
  {
    id: "receive-failure-is-reported-and-survived",
    title: "When receiving fails, `onError` is told, and the subscription resumes by itself.",
    guarantee: "G10",
    async run(context) {
      let failing = false;
      const driver = wrapDriver(context.driver(), {
        consumer: (consumer) => ({
          receive: async (max, call) => {
            const batch = failing ? [] : await consumer.receive(max, call);
            if (!failing || batch.length > 0) return batch;
            failing = false;
            throw new Error("Said by the suite.");
          },
        }),
      });
      const client = await context.connect({ reconnect: { initialMs: 10, maxMs: 50 } }, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      failing = true;
      await client.send(queue, 2);
      await client.send(queue, 3);
      await context.eventually("the failure", () => !failing);
      await client.send(queue, 4);
      await context.eventually("all", () => new Set(seen.values).size === 4);
      await context.eventually("the report", () => context.background.length > 0);
      for (const error of context.background) assertMessagingError(error);
      assert.equal(seen.subscription.state, "running");
    },
  },
  {
    id: "failed-subscription-says-so",
    title:
      "A subscription that cannot go on is `failed`: `ended` and `onError` tell why, and the client lives on.",
    guarantee: "G10",
    async run(context) {
      let gone = false;
      const denied = () => new MessagingError("PERMISSION_DENIED", "Said by the suite.");
      const driver = wrapDriver(context.driver(), {
        connection: (connection) => ({
          consume: async (from, hooks, call) => {
            if (gone) throw denied();
            const consumer = await connection.consume(from, hooks, call);
            return wrapConsumer(consumer, {
              receive: async (max, inner) => {
                if (gone) throw denied();
                return consumer.receive(max, inner);
              },
            });
          },
        }),
      });
      const client = await context.connect({ reconnect: { initialMs: 10, maxMs: 50 } }, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      gone = true;
      await client.send(queue, 2);
      const error = await context.inTime("the end", 30_000, seen.subscription.ended);
      assertMessagingError(error);
      assert.equal(error.code, "SUBSCRIPTION_FAILED");
      assert.equal(seen.subscription.state, "failed");
      assert(context.background.some(({ code }) => code === "SUBSCRIPTION_FAILED"));
      await client.send(queue, 3);
    },
  },
  {
    id: "lost-connection-is-reported-and-survived",
    title:
      "When the driver says that its connection is lost, `onError` is told, and the client connects anew.",
    guarantee: "G10",
    async run(context) {
      let lose: (cause: unknown) => void = nothing;
      const driver = wrapDriver(context.driver(), {
        hooks: (hooks) => {
          lose = (cause) => hooks.lost(cause);
          return hooks;
        },
      });
      const client = await context.connect({ reconnect: { initialMs: 10, maxMs: 50 } }, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      lose(new Error("Said by the suite."));
      await client.send(queue, 2);
      await context.eventually("the second", () => seen.values.includes(2));
      assert(context.background.length > 0, "`onError` was told");
      await context.eventually("the client to be up", () => client.health().status === "up");
      for (const error of context.background) assertMessagingError(error);
    },
  },
  {
    id: "driver-reports-arrive",
    title: "What a driver reports from the background arrives at `onError` as a MessagingError.",
    guarantee: "G10",
    async run(context) {
      let report: (cause: unknown) => void = nothing;
      const driver = wrapDriver(context.driver(), {
        hooks: (hooks) => {
          report = (cause) => hooks.report(cause);
          return hooks;
        },
      });
      await context.connect({}, driver);
      report(new Error("Said by the suite."));
      await context.eventually("the report", () => context.background.length > 0);
      for (const error of context.background) assertMessagingError(error);
    },
  },
  {
    id: "lost-settlements-are-reported",
    title:
      "A settlement that the broker refuses as too late arrives at `onError` as LEASE_LOST, and harms nothing.",
    guarantee: "G3",
    async run(context) {
      let late = true;
      const driver = wrapDriver(context.driver(), {
        consumer: (consumer) => ({
          settle: async (batch, call) => {
            const outcomes = await consumer.settle(batch, call);
            return late ? batch.map(() => "lost" as const) : outcomes;
          },
        }),
      });
      const client = await context.connect({}, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await context.eventually("the report", () =>
        context.background.some(({ code }) => code === "LEASE_LOST"),
      );
      late = false;
      await client.send(queue, 2);
      await seen.first(2);
      assert.equal(seen.subscription.state, "running");
    },
  },
]);
