import assert from "node:assert/strict";
import { MessagingError } from "@waybill/core";
import type { AnyClient } from "../any-client.ts";
import { type Case, suite } from "../case.ts";
import type { Context } from "../context.ts";
import { failure } from "../failing.ts";
import { severable } from "../faults/severable.ts";
import type { Numbered } from "../history.ts";
import { Load } from "../load.ts";
import { wrapDriver } from "../wrap.ts";

/** G10. Outages end by themselves, waiting for them is bounded, and what cannot go on says so. */
export const recovery: readonly Case[] = suite("recovery", [
  {
    id: "broker-comes-later",
    title: "`connect` waits for a broker that is not there yet.",
    guarantee: "G10",
    async run(context) {
      const wire = severable(context.driver());
      wire.down();
      const connecting = context.connect({ connectTimeoutMs: 30_000 }, wire.driver);
      await context.eventually("three attempts in vain", () => wire.attempts() >= 3);
      wire.up();
      await worksBothWays(context, await connecting);
    },
  },
  {
    id: "listener-comes-later",
    title: "`connect` waits while the broker's port refuses connections.",
    guarantee: "G10",
    parts: ["endpoint"],
    timeoutMs: 120_000,
    async run(context) {
      const proxy = await context.proxy();
      proxy.refuse();
      let attempts = 0;
      const driver = wrapDriver(context.driver(proxy.endpoint), { connecting: () => void attempts++ });
      const connecting = context.connect({ connectTimeoutMs: 60_000 }, driver);
      connecting.catch(() => undefined);
      await context.eventually("a second attempt", () => attempts >= 2);
      await proxy.heal();
      await worksBothWays(context, await connecting);
    },
  },
  {
    id: "publishes-wait",
    title: "What is published while the broker is away is stored once it is back.",
    guarantee: "G10",
    async run(context) {
      const wire = severable(context.driver());
      const client = await context.connect({}, wire.driver);
      const jobs = context.queue<Numbered>();
      const history = context.history();
      await client.consume(jobs, (message) => history.deliver(message));
      await history.publish((message) => client.send(jobs, message));
      wire.down();
      const load = new Load(history, (message) => client.send(jobs, message), { count: 100 });
      await context.eventually("the client tries to reconnect", () => wire.attempts() >= 3);
      assert.equal(client.health().status, "recovering");
      assert.equal(client.health().pendingPublishes, 100);
      assert.ok(client.health().error !== undefined, "it says why");
      wire.up();
      await load.done;
      assert.equal(load.failed, 0);
      await context.eventually("all are handled", () => history.complete());
      // The one before the cut may have been settled in vain.
      history.check({ duplicates: 1 });
      assert.equal(client.health().status, "up");
    },
  },
  {
    id: "publishes-give-up",
    title: "A publish waits for the broker no longer than `publishTimeoutMs`, then fails as retryable.",
    guarantee: "G10",
    async run(context) {
      const wire = severable(context.driver());
      const client = await context.connect({ publishTimeoutMs: 700 }, wire.driver);
      const jobs = context.queue<string>();
      await client.topology.declare(jobs);
      await client.send(jobs, "before");
      wire.down();
      const before = performance.now();
      const error = await failure(
        () => client.send(jobs, "in vain"),
        "TIMEOUT",
        "CONNECTION_LOST",
        "UNREACHABLE",
      );
      const took = performance.now() - before;
      assert.equal(error.retryable, true);
      assert.ok(took >= 695 && took < 5000, `it gave up after ${took} ms`);
      assert.equal(client.health().pendingPublishes, 0, "it is still kept");
      wire.up();
      await context.eventually("publishing works again", () =>
        client.send(jobs, "after").then(
          () => true,
          () => false,
        ),
      );
    },
  },
  {
    id: "subscription-cannot-go-on",
    title: "A subscription that cannot go on says so: in its state, in `ended` and in onError.",
    guarantee: "G10",
    async run(context) {
      let forbidden = false;
      const wire = severable(
        wrapDriver(context.driver(), {
          connection: (own) => ({
            consume: async (from, hooks, call) => {
              if (forbidden) throw new MessagingError("PERMISSION_DENIED", "No longer allowed to read.");
              return own.consume(from, hooks, call);
            },
          }),
        }),
      );
      const client = await context.connect({}, wire.driver);
      const seen = await context.collect(client, context.queue<string>());
      forbidden = true;
      wire.sever();
      const error = await context.inTime("it ends", 20_000, seen.subscription.ended);
      assert.equal(error?.code, "SUBSCRIPTION_FAILED");
      assert.equal(seen.subscription.state, "failed");
      assert.ok(
        context.background.some(({ code }) => code === "SUBSCRIPTION_FAILED"),
        "onError was told",
      );
    },
  },
  {
    id: "subscription-recovers-by-itself",
    title: "A consumer that fails while the connection lives is made anew, and the subscription goes on.",
    guarantee: "G10",
    async run(context) {
      let failing = 0;
      const driver = wrapDriver(context.driver(), {
        consumer: (own) => ({
          receive: async (max, call) => {
            if (failing > 0) {
              failing--;
              throw new MessagingError("CONNECTION_LOST", "The channel is gone.");
            }
            return own.receive(max, call);
          },
        }),
      });
      const client = await context.connect({}, driver);
      const jobs = context.queue<Numbered>();
      const history = context.history({ redelivery: true });
      const subscription = await client.consume(jobs, (message) => history.deliver(message));
      const load = new Load(history, (message) => client.send(jobs, message), { count: 500, window: 20 });
      for (const goal of [100, 200, 300]) {
        await context.eventually(`${goal} are handled`, () => history.distinct() >= goal);
        failing = 1;
      }
      await load.done;
      await context.eventually("all are handled", () => history.complete());
      history.check({ duplicates: 3 * 100 });
      await context.eventually("it runs", () => subscription.state === "running");
    },
  },
]);

async function worksBothWays(context: Context, client: AnyClient): Promise<void> {
  const jobs = context.queue<string>();
  const seen = await context.collect(client, jobs);
  await client.send(jobs, "hello");
  await seen.first(1);
}
