import assert from "node:assert/strict";
import type { AnyClient } from "../any-client.ts";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";
import { assertMessagingError, failure } from "../failing.ts";
import { Gate } from "../gate.ts";
import { watched } from "../refusing.ts";

/** Every call that a closed client refuses. */
const operations: Readonly<Record<string, (client: AnyClient, context: Context) => unknown>> = {
  publish: (client, context) => client.publish(context.topic(), 1),
  "publish-batch": (client, context) => client.publishBatch(context.topic(), [1, 2]),
  send: (client, context) => client.send(context.queue(), 1),
  subscribe: (client, context) =>
    client.subscribe(context.topic(), { group: context.name() }, () => undefined),
  consume: (client, context) => client.consume(context.queue(), () => undefined),
  messages: (client, context) => client.messages(context.queue()).next(),
  declare: (client, context) => client.topology.declare(context.queue()),
  inspect: (client, context) => client.topology.inspect(context.queue()),
  redrive: (client, context) => client.redrive({ queue: context.queue() }),
};

/** What begins, ends; and what has ended says so. */
export const lifecycle = suite("lifecycle", [
  {
    id: "closes-twice",
    title: "Closing a client twice, at once or later, is closing it once.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      await context.collect(client, context.queue());
      await Promise.all([client.close(), client.close()]);
      await client.close();
      assert.equal(client.health().status, "closed");
    },
  },
  {
    id: "closes-when-disposed",
    title: "`await using` closes the client at the end of its block.",
    guarantee: "G9",
    async run(context) {
      let outer: AnyClient;
      {
        await using client = await context.connect();
        await client.send(context.queue(), 1);
        outer = client;
      }
      assert.equal(outer.health().status, "closed");
    },
  },
  {
    id: "closes-at-once-when-idle",
    title: "A client with an idle subscription closes without waiting for anything.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      await context.collect(client, context.queue());
      await context.inTime("closing an idle client", 10_000, client.close());
    },
  },
  ...Object.entries(operations).map(([name, operation]) => ({
    id: `closed-refuses-${name}`,
    title: `After close, ${name.replace("-", " ")} fails as CLOSED, which is not retryable, without any I/O.`,
    guarantee: "G12" as const,
    async run(context: Context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      await client.close();
      calls.length = 0;
      const error = await failure(() => operation(client, context), "CLOSED");
      assert.equal(error.retryable, false);
      assert.deepEqual(calls, []);
    },
  })),
  {
    id: "closed-refuses-request",
    title: "After close, request and respond fail as CLOSED.",
    guarantee: "G12",
    needs: ["requestReply"],
    async run(context) {
      const client = await context.connect();
      await client.close();
      const queue = context.queue<number, number, number>({ reply: {} });
      await failure(() => client.request(queue, 1, { timeoutMs: 2000 }), "CLOSED");
      await failure(() => client.respond(queue, () => 1), "CLOSED");
    },
  },
  {
    id: "closing-refuses-subscribe",
    title: "A client that is closing takes no new subscription, and says that it is closing.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue();
      const gate = new Gate();
      const seen = await context.collect(client, queue, {}, () => gate.opened);
      await client.send(queue, 1);
      await seen.first(1);
      const closing = client.close();
      try {
        assert.equal(client.health().status, "closing");
        await failure(() => client.consume(context.queue(), () => undefined), "CLOSED");
      } finally {
        gate.open();
      }
      await closing;
      assert.equal(client.health().status, "closed");
    },
  },
  {
    id: "close-flushes-publishes-in-flight",
    title: "Every publish that is under way when the client closes is confirmed or fails; none is forgotten.",
    guarantee: "G9",
    async run(context) {
      const queue = context.queue<{ p: string; k: string; n: number }>();
      const history = context.history();
      const consumer = await context.connect();
      await context.collect(consumer, queue, {}, (message) => history.deliver(message));
      const client = await context.connect();
      await client.send(queue, history.next());
      const sends = Array.from({ length: 200 }, () =>
        history.publish((message) => client.send(queue, message)),
      );
      const settled = Promise.allSettled(sends);
      await client.close();
      const results = await context.inTime("the publishes to settle", 10_000, settled);
      for (const result of results) if (result.status === "rejected") assertMessagingError(result.reason);
      assert.equal(
        results.filter(({ status }) => status === "fulfilled").length,
        200,
        "a calm close flushes",
      );
      await context.eventually("all to be delivered", () => history.complete("reader"));
      history.check();
    },
  },
  {
    id: "close-waits-for-a-handler",
    title: "Close waits for a running handler, and its message is acked.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      let finished = false;
      const gate = new Gate();
      const seen = await context.collect(client, queue, {}, async () => {
        await gate.opened;
        finished = true;
      });
      await client.send(queue, 1);
      await seen.first(1);
      let closed = false;
      const closing = client.close().then(() => {
        closed = true;
      });
      await context.never("the client to be closed", () => closed, 150);
      gate.open();
      await closing;
      assert.equal(finished, true);
      const next = await context.connect();
      const again = await context.collect(next, queue);
      await next.send(queue, 2);
      await again.first(1);
      assert.deepEqual(again.values, [2]);
    },
  },
  {
    id: "stopped-subscription-gets-nothing",
    title:
      "Once its close has resolved, a subscription's handler is not called again, and the message waits.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      await seen.subscription.close();
      assert.equal(seen.subscription.state, "closed");
      await client.send(queue, 2);
      await context.never("a delivery after close", () => seen.deliveries.length > 1);
      const next = await context.collect(client, queue);
      await next.first(1);
      assert.deepEqual(next.values, [2]);
    },
  },
  {
    id: "subscription-closes-twice",
    title: "A subscription may be closed twice; `ended` resolves with nothing, and only then.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const { subscription } = await context.collect(client, context.queue());
      let ended: unknown = "no";
      void subscription.ended.then((error) => {
        ended = error;
      });
      await context.never("an end before close", () => ended !== "no", 50);
      await Promise.all([subscription.close(), subscription.close()]);
      await subscription[Symbol.asyncDispose]();
      assert.equal(await subscription.ended, undefined);
    },
  },
  {
    id: "one-subscription-of-two-stops",
    title: "When one of two subscriptions of a client stops, the other goes on.",
    guarantee: "G11",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const stopping = await context.collect(client, topic, { group: context.name() });
      const going = await context.collect(client, topic, { group: context.name() });
      await client.publish(topic, 1);
      await Promise.all([stopping.first(1), going.first(1)]);
      await stopping.subscription.close();
      await client.publish(topic, 2);
      await going.first(2);
      assert.deepEqual(stopping.values, [1]);
    },
  },
  {
    id: "one-client-of-two-closes",
    title: "When one of two clients of a driver closes, the other goes on.",
    guarantee: "G11",
    async run(context) {
      const driver = context.driver();
      const closing = await context.connect({}, driver);
      const going = await context.connect({}, driver);
      const queue = context.queue<number>();
      await closing.send(queue, 1);
      await closing.close();
      const seen = await context.collect(going, queue);
      await going.send(queue, 2);
      await seen.first(2);
    },
  },
  {
    id: "subscribe-publish-close-race",
    title: "Subscribing, publishing and closing at once ends: each call resolves or fails as CLOSED, soon.",
    guarantee: "G9",
    async run(context) {
      for (let round = 0; round < 3; round++) {
        const client = await context.connect();
        const topic = context.topic<number>();
        const calls = [
          client.subscribe(topic, { group: context.name() }, () => undefined),
          client.publish(topic, 1),
          client.publish(topic, 2),
          client.subscribe(topic, { group: context.name() }, () => undefined),
        ];
        const settled = Promise.allSettled(calls);
        if (round > 0) await Promise.race(calls);
        await context.inTime("the client to close", 20_000, client.close());
        for (const result of await context.inTime("the calls to settle", 5_000, settled)) {
          if (result.status === "rejected") await failure(() => Promise.reject(result.reason), "CLOSED");
        }
        assert.equal(client.health().status, "closed");
        assert.deepEqual(
          client.health().subscriptions.filter(({ state }) => state === "running"),
          [],
        );
      }
    },
  },
  {
    id: "iterator-ends-with-its-loop",
    title: "Leaving a `for await` loop closes its subscription, and hands back what was not settled.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      await client.sendBatch(queue, [1, 2, 3]);
      const values: number[] = [];
      for await (const delivery of client.messages(queue)) {
        values.push(delivery.value);
        await delivery.ack();
        if (values.length === 2) break;
      }
      assert.deepEqual(
        client.health().subscriptions.filter(({ state }) => state === "running"),
        [],
      );
      const rest = await context.collect(client, queue);
      await rest.first(1);
      await context.never("more than the rest", () => rest.deliveries.length > 1);
      assert.deepEqual([...values, ...rest.values].sort(), [1, 2, 3]);
    },
  },
  {
    id: "iterator-ends-with-its-client",
    title: "A `for await` loop that waits for a message ends when its client closes.",
    guarantee: "G9",
    async run(context) {
      const client = await context.connect();
      const iterator = client.messages(context.queue());
      await iterator.ready();
      const waiting = iterator.next();
      await client.close();
      const last = await context.inTime("the loop to end", 10_000, waiting);
      assert.equal(last.done, true);
    },
  },
  {
    id: "iterator-misses-nothing",
    title: "What is published once `ready` has resolved reaches the loop.",
    guarantee: "G1",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      await using iterator = client.messages(topic, { group: context.name() });
      await iterator.ready();
      await client.publish(topic, 7);
      const { value, done } = await iterator.next();
      assert.equal(done, false);
      assert.equal(value.value, 7);
      assert.equal(await value.ack(), "settled");
    },
  },
  {
    id: "health-tells",
    title: "Health tells the client's state, its subscriptions, and what is running and held in them.",
    guarantee: "G10",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const group = context.name();
      const gate = new Gate();
      const seen = await context.collect(client, topic, { group }, () => gate.opened);
      await client.publish(topic, 1);
      await seen.first(1);
      const health = client.health();
      assert.equal(health.status, "up");
      assert.equal(health.error, undefined);
      assert.equal(health.pendingPublishes, 0);
      const [{ since, ...subscription } = { since: 0 }] = health.subscriptions;
      const counts = { running: 1, held: 1, blockedKeys: 0 };
      assert.deepEqual(subscription, { source: topic.name, group, state: "running", ...counts });
      assert.ok(since > 0 && since <= Date.now() && health.since > 0, "it says since when");
      assert.equal(seen.subscription.running, 1);
      gate.open();
      await context.eventually("the handler to end", () => client.health().subscriptions[0]?.held === 0);
      await client.close();
      assert.equal(client.health().status, "closed");
    },
  },
]);
