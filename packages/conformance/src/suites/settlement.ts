import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Delivery, deadLetterDetails, deadLetterOf } from "@waybill/core";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";
import { Gate } from "../gate.ts";
import type { Numbered } from "../history.ts";
import { quickRetry } from "../quick-retry.ts";
import { unconfirmedMs } from "../unconfirmed.ts";
import { wrapDriver } from "../wrap.ts";

/** A client with a queue. */
async function queued(context: Context) {
  const client = await context.connect();
  return { client, queue: context.queue<number>() };
}

/** Asserts that a fresh consumer finds nothing but what is sent to it now: all before was settled for good. */
async function nothingLeft(context: Context, queue: ReturnType<typeof context.queue<number>>): Promise<void> {
  const client = await context.connect();
  const seen = await context.collect(client, queue);
  await client.send(queue, 99);
  await seen.first(1);
  await context.never("more", () => seen.deliveries.length > 1, 100);
  assert.deepEqual(seen.values, [99]);
}

const attempts = (deliveries: readonly Delivery[]) => deliveries.map(({ attempt }) => attempt);

/** Ack, retry or reject: the first wins, holds, and is told truly. */
export const settlement = suite("settlement", [
  {
    id: "resolving-acks",
    title: "A handler that resolves has acked: the message never comes again.",
    guarantee: "G2",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue, {}, async () => undefined);
      await client.sendBatch(queue, [1, 2, 3]);
      await seen.first(3);
      await client.close();
      await nothingLeft(context, queue);
    },
  },
  {
    id: "returning-acks",
    title: "A handler that returns without a promise has acked too.",
    guarantee: "G2",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue, {}, () => "done");
      await client.send(queue, 1);
      await seen.first(1);
      await client.close();
      await nothingLeft(context, queue);
    },
  },
  {
    id: "ack-is-confirmed",
    title:
      "`ack` resolves as settled once the broker has it; what the handler does afterwards changes nothing.",
    guarantee: "G3",
    async run(context) {
      const { client, queue } = await queued(context);
      const results: unknown[] = [];
      const seen = await context.collect(client, queue, { retry: quickRetry() }, async (_value, delivery) => {
        results.push(await delivery.ack());
        throw new Error("Too late to fail.");
      });
      await client.send(queue, 1);
      await context.eventually("the ack", () => results.length === 1);
      assert.deepEqual(results, ["settled"]);
      await context.never("a second delivery", () => seen.deliveries.length > 1);
      await client.close();
      await nothingLeft(context, queue);
    },
  },
  {
    id: "acks-survive-the-close",
    title: "Five hundred acked messages are all acked on the broker when the client has closed.",
    guarantee: "G9",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue, { concurrency: 50 });
      await client.sendBatch(
        queue,
        Array.from({ length: 500 }, (_, n) => n),
      );
      await seen.first(500);
      await client.close();
      await nothingLeft(context, queue);
    },
  },
  {
    id: "reject-dead-letters",
    title: "`reject` dead-letters the message at once, and it does not come again.",
    guarantee: "G5",
    async run(context) {
      const { client, queue } = await queued(context);
      const results: unknown[] = [];
      const seen = await context.collect(client, queue, {}, async (_value, delivery) => {
        results.push(await delivery.reject("not for us"));
      });
      const receipt = await client.send(queue, 1);
      const dead = await context.collect(client, deadLetterOf({ queue }));
      const [message] = await dead.first(1);
      assert(message !== undefined);
      assert.equal(message.id, receipt.id);
      const details = deadLetterDetails(message);
      assert.equal(details?.source, queue.name);
      assert.equal(details?.attempts, 1);
      assert.equal(details?.errorCode, "REJECTED");
      assert.match(details?.errorMessage ?? "", /not for us/);
      await context.eventually("the answer", () => results.length > 0);
      assert.deepEqual(results, ["settled"]);
      await context.never("a second delivery", () => seen.deliveries.length > 1, 100);
    },
  },
  {
    id: "first-wins-ack",
    title: "After an ack, a retry or a reject changes nothing and says so.",
    guarantee: "G3",
    async run(context) {
      const { client, queue } = await queued(context);
      const results: unknown[] = [];
      const seen = await context.collect(client, queue, {}, async (_value, delivery) => {
        results.push(await delivery.ack(), await delivery.retry({ delayMs: 0 }), await delivery.reject());
        results.push(await delivery.ack());
      });
      await client.send(queue, 1);
      await context.eventually("four answers", () => results.length === 4);
      assert.deepEqual(results, ["settled", "already-settled", "already-settled", "already-settled"]);
      await context.never("a second delivery", () => seen.deliveries.length > 1);
      const dead = await context.collect(client, deadLetterOf({ queue }));
      await context.never("a dead-lettered message", () => dead.deliveries.length > 0, 100);
    },
  },
  {
    id: "first-wins-retry",
    title:
      "After a retry, an ack, even that of a resolving handler, changes nothing: the message comes again.",
    guarantee: "G3",
    async run(context) {
      const { client, queue } = await queued(context);
      const results: unknown[] = [];
      const seen = await context.collect(client, queue, {}, async (_value, delivery) => {
        if (delivery.attempt > 1) return;
        results.push(await delivery.retry({ delayMs: 0 }), await delivery.ack());
      });
      await client.send(queue, 1);
      assert.deepEqual(attempts(await seen.first(2)), [1, 2]);
      await context.eventually("both answers", () => results.length === 2);
      assert.deepEqual(results, ["settled", "already-settled"]);
    },
  },
  {
    id: "first-wins-at-once",
    title: "Of settlements given in the same turn, the first wins.",
    guarantee: "G3",
    async run(context) {
      const { client, queue } = await queued(context);
      const results: unknown[] = [];
      const seen = await context.collect(client, queue, {}, async (_value, delivery) => {
        results.push(
          ...(await Promise.all([delivery.ack(), delivery.retry({ delayMs: 0 }), delivery.ack()])),
        );
      });
      await client.send(queue, 1);
      await context.eventually("three answers", () => results.length === 3);
      assert.deepEqual(results, ["settled", "already-settled", "already-settled"]);
      await context.never("a second delivery", () => seen.deliveries.length > 1);
    },
  },
  {
    id: "settle-after-the-handler",
    title: "A settlement after the handler has resolved is told that it came too late.",
    guarantee: "G3",
    async run(context) {
      const { client, queue } = await queued(context);
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      const [got] = await seen.first(1);
      await context.eventually("the ack", () => seen.subscription.held === 0);
      assert.equal(await got?.retry({ delayMs: 0 }), "already-settled");
      await context.never("a second delivery", () => seen.deliveries.length > 1);
    },
  },
  {
    id: "settle-after-close",
    title:
      "A settlement after the subscription has closed is `lost`, never fatal, and the message is somebody else's.",
    guarantee: "G3",
    async run(context) {
      const { client, queue } = await queued(context);
      const iterator = client.messages(queue);
      await iterator.ready();
      await client.send(queue, 1);
      const { value: late } = await iterator.next();
      await iterator.return?.();
      const gate = new Gate();
      context.atEnd(() => gate.open());
      const next = await context.collect(client, queue, {}, () => gate.opened);
      await next.first(1);
      assert.equal(await late.ack(), "lost");
      gate.open();
      await context.eventually("the ack of the other", () => next.subscription.held === 0);
      await next.subscription.close();
      await nothingLeft(context, queue);
    },
  },
  {
    id: "late-settle-acks-nobody-elses",
    title:
      "A settlement after the connection was lost is `lost`, and does not ack the delivery that took its place.",
    guarantee: "G3",
    parts: ["crash"],
    timeoutMs: 120_000,
    async run(context) {
      const queue = context.queue<number>();
      const crashable = await context.crashable();
      const replacement = await context.connect({}, crashable.replacement);
      await replacement.topology.declare(queue);
      const dying = await context.connect({ reconnect: { initialMs: 5_000 } }, crashable.driver);
      const gate = new Gate();
      context.atEnd(() => gate.open());
      const first = await context.collect(dying, queue, {}, () => gate.opened);
      await replacement.send(queue, 1);
      const [late] = await first.first(1);
      await crashable.die();
      const second = await context.collect(replacement, queue, {}, () => gate.opened);
      await second.first(1, 90_000);
      assert.equal(await context.inTime("the late ack", 30_000, late?.ack() as Promise<unknown>), "lost");
      // The replacement goes without settling, so the message must still be there.
      await replacement.close({ timeoutMs: 0 });
      const last = await context.collect(
        await context.connect({}, context.recorded(crashable.replacement)),
        queue,
      );
      await last.first(1, 60_000);
      assert.deepEqual(last.values, [1]);
    },
  },
  {
    id: "settle-after-the-lease",
    title: "A settlement after the lease ran out is `lost` and reported, and acks nobody else's delivery.",
    guarantee: "G3",
    parts: ["shortLease"],
    applies: ({ lease }) => lease !== undefined || "the broker has no lease",
    timeoutMs: 120_000,
    async run(context) {
      const { shortLease } = context.target;
      const fresh = () => context.recorded((shortLease as NonNullable<typeof shortLease>).driver());
      const queue = context.queue<number>();
      // A process that stands still renews nothing.
      const stalled = wrapDriver(fresh(), { consumer: () => ({ extend: async () => [] }) });
      const slow = await context.connect({}, stalled);
      const gate = new Gate();
      context.atEnd(() => gate.open());
      const first = await context.collect(slow, queue, {}, () => gate.opened);
      await slow.send(queue, 1);
      const [late] = await first.first(1);
      const other = await context.connect({}, fresh());
      const second = await context.collect(other, queue, {}, () => gate.opened);
      // Where the broker shares leases out anew, the slow one may get it again first.
      await context.eventually(
        "the redelivery",
        () => second.deliveries.length + first.deliveries.length > 1,
        60_000,
      );
      assert.equal(await late?.ack(), "lost");
      await context.eventually("the report", () =>
        context.background.some(({ code }) => code === "LEASE_LOST"),
      );
      await slow.close({ timeoutMs: 0 });
      await other.close({ timeoutMs: 0 });
      const last = await context.collect(await context.connect({}, fresh()), queue);
      await last.first(1, 60_000);
      assert.deepEqual(last.values, [1]);
    },
  },
  {
    id: "drained-handler-settles-nothing",
    title: "A handler cut off by the drain deadline settles nothing: its message goes to somebody else.",
    guarantee: "G9",
    async run(context) {
      const { client, queue } = await queued(context);
      let cancelled = false;
      const cut = await context.collect(client, queue, { retry: quickRetry() }, (_value, { signal }) => {
        return new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            cancelled = true;
            reject(new Error("Cut off."));
          });
        });
      });
      await client.send(queue, 1);
      await cut.first(1);
      await client.close({ timeoutMs: 100 });
      assert.equal(cancelled, true, "the handler's signal fired");
      const next = await context.collect(await context.connect(), queue);
      await next.first(1, 60_000);
      assert.deepEqual(next.values, [1]);
    },
  },
  {
    id: "crash-redelivers-the-unacked",
    title: "After a crash exactly the unacked messages come again, to somebody else.",
    guarantee: "G2",
    parts: ["crash"],
    timeoutMs: 150_000,
    async run(context) {
      const queue = context.queue<Numbered>();
      const history = context.history({ redelivery: true });
      const crashable = await context.crashable();
      const replacement = await context.connect({}, crashable.replacement);
      await replacement.topology.declare(queue);
      const dying = await context.connect({}, crashable.driver);
      const gate = new Gate();
      context.atEnd(() => gate.open());
      const acked = new Set<number>();
      const options = { concurrency: 20, prefetch: 20 };
      const first = await context.collect(dying, queue, options, async (message, delivery) => {
        history.deliver(message, "dying");
        // Every second one stays in its handler for ever.
        if (message.n % 2 === 1) return gate.opened;
        if ((await delivery.ack()) === "settled") acked.add(message.n);
        return undefined;
      });
      for (let n = 0; n < 20; n++) await history.publish((message) => replacement.send(queue, message));
      await first.first(20);
      await context.eventually("the acks", () => acked.size === 10);
      await sleep(unconfirmedMs);
      await crashable.die();
      const again = new Set<number>();
      await context.collect(replacement, queue, {}, ({ n }) => again.add(n));
      const unacked = Array.from({ length: 20 }, (_, n) => n).filter((n) => !acked.has(n));
      await context.eventually("the unacked", () => unacked.every((n) => again.has(n)), 120_000);
      // Where an ack means "all up to here", what was acked above a gap comes again too.
      if (context.capabilities.settlement === "individual") {
        assert.deepEqual(
          [...again].sort((a, b) => a - b),
          unacked,
        );
      }
    },
  },
  {
    id: "delivery-tells-where-it-is-from",
    title: "A delivery tells its source, group, attempt and subscription, and has the vendor's own message.",
    guarantee: "G13",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const group = context.name();
      const seen = await context.collect(client, topic, { group });
      await client.publish(topic, 1);
      const [got] = await seen.first(1);
      assert.equal(got?.source, topic.name);
      assert.equal(got?.group, group);
      assert.equal(got?.attempt, 1);
      assert.equal(got?.subscription, seen.subscription);
      assert(got?.native !== undefined);
    },
  },
  {
    id: "iterator-settles-by-hand",
    title: "Pulled deliveries are settled by hand: ack, retry and reject mean the same there.",
    guarantee: "G3",
    async run(context) {
      const { client, queue } = await queued(context);
      const dead = await context.collect(client, deadLetterOf({ queue }));
      await client.sendBatch(queue, [1, 2, 3]);
      const seen: [number, number][] = [];
      for await (const delivery of client.messages(queue)) {
        seen.push([delivery.value, delivery.attempt]);
        if (delivery.value === 1) assert.equal(await delivery.ack(), "settled");
        else if (delivery.value === 2) assert.equal(await delivery.reject("no"), "settled");
        else if (delivery.attempt === 1) assert.equal(await delivery.retry({ delayMs: 50 }), "settled");
        else assert.equal(await delivery.ack(), "settled");
        if (seen.length === 4) break;
      }
      assert.deepEqual(seen.map(([value, attempt]) => `${value}/${attempt}`).sort(), [
        "1/1",
        "2/1",
        "3/1",
        "3/2",
      ]);
      await dead.first(1);
      await nothingLeft(context, queue);
    },
  },
]);
