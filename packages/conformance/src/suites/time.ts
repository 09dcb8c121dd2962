import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { deadLetterOf, MessagingError } from "@waybill/core";
import { type Case, suite } from "../case.ts";
import { failure } from "../failing.ts";
import { Gate } from "../gate.ts";
import { hasLease, shortestLease } from "../lease.ts";
import { wrapDriver } from "../wrap.ts";

/** G8, and what is said about delays and expiry: not early, hardly late, and never to two at once. */
export const time: readonly Case[] = suite("time", [
  {
    id: "delay",
    title: "A delayed message comes no earlier than asked for, and no later than the stated tolerance.",
    guarantee: "G4",
    needs: ["delay"],
    exclusive: true,
    async run(context) {
      const { delay } = context.capabilities.features;
      assert.ok(delay !== undefined);
      const client = await context.connect();
      const jobs = context.queue<number>();
      const arrivals = new Map<number, number>();
      await client.consume(jobs, (delayMs) => arrivals.set(delayMs, performance.now()));
      const delays = [0, 200, 1000, 2500];
      const times = new Map<number, { readonly asked: number; readonly confirmed: number }>();
      await Promise.all(
        delays.map(async (delayMs) => {
          const asked = performance.now();
          await client.send(jobs, delayMs, { delayMs });
          times.set(delayMs, { asked, confirmed: performance.now() });
        }),
      );
      await context.eventually("all have come", () => arrivals.size === delays.length);
      for (const delayMs of delays) {
        const { asked, confirmed } = times.get(delayMs) as { asked: number; confirmed: number };
        const arrived = arrivals.get(delayMs) as number;
        const late = delay.lateMs + delayMs * (delay.lateRatio ?? 0) + schedulingSlackMs;
        assert.ok(arrived - asked >= delayMs - clockGrainMs, `${delayMs} ms came after ${arrived - asked}`);
        assert.ok(
          arrived - confirmed <= delayMs + late,
          `${delayMs} ms came ${arrived - confirmed} ms after its confirmation, with ${late} allowed`,
        );
      }
    },
  },
  {
    id: "delay-in-a-topic",
    title: "A delayed publish reaches every group, once, after its delay.",
    guarantee: "G4",
    needs: ["delay"],
    async run(context) {
      const client = await context.connect();
      const events = context.topic<string>();
      const one = await context.collect(client, events, { group: "one" });
      const two = await context.collect(client, events, { group: "two" });
      const asked = performance.now();
      await client.publish(events, "later", { delayMs: 700 });
      await client.publish(events, "now");
      await one.first(2);
      assert.ok(performance.now() - asked >= 700 - clockGrainMs, "it came early");
      await two.first(2);
      // Sorted, since confirming the first may have taken longer than its delay.
      assert.deepEqual([...one.values].sort(), ["later", "now"]);
      assert.deepEqual([...two.values].sort(), ["later", "now"]);
    },
  },
  {
    id: "delay-outlives-its-publisher",
    title: "A delayed message comes although its publisher closed at once.",
    guarantee: "G1",
    needs: ["delay"],
    async run(context) {
      const publisher = await context.connect();
      const jobs = context.queue<string>();
      await publisher.send(jobs, "later", { delayMs: 1000 });
      await publisher.close();
      const client = await context.connect();
      const seen = await context.collect(client, jobs);
      await seen.first(1);
      assert.deepEqual(seen.values, ["later"]);
    },
  },
  {
    id: "delay-longest",
    title: "The longest delay that is declared is taken.",
    guarantee: "G12",
    needs: ["delay"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const seen = await context.collect(client, jobs);
      const { maxMs } = context.capabilities.features.delay ?? { maxMs: 0 };
      await client.send(jobs, "much later", { delayMs: maxMs });
      await context.never("it came at once", () => seen.deliveries.length > 0, 500);
    },
  },
  {
    id: "delay-too-long",
    title: "One millisecond more than the longest delay is refused before any I/O.",
    guarantee: "G12",
    needs: ["delay"],
    applies: ({ features }) =>
      features.delay === undefined ||
      features.delay.maxMs < Number.MAX_SAFE_INTEGER ||
      "no delay is too long",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const { maxMs } = context.capabilities.features.delay ?? { maxMs: 0 };
      for (const delayMs of [maxMs + 1, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await failure(() => client.send(jobs, "never", { delayMs }), "INVALID_ARGUMENT", "UNSUPPORTED");
      }
      const [report] = await client.topology.inspect(jobs);
      assert.equal(report?.exists, false, "the queue was made for a message that was refused");
    },
  },
  {
    id: "ttl-expired",
    title: "An expired message is not delivered, and is not dead-lettered.",
    guarantee: "G12",
    needs: ["ttl"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      await client.topology.declare(jobs);
      await client.send(jobs, "short-lived", { ttlMs: 200 });
      await sleep(400);
      await client.send(jobs, "control");
      const deadLettered = await context.collect(client, deadLetterOf({ queue: jobs }));
      const seen = await context.collect(client, jobs);
      await seen.first(1);
      await context.never(
        "the expired one",
        () => seen.deliveries.length + deadLettered.deliveries.length > 1,
      );
      assert.deepEqual(seen.values, ["control"]);
    },
  },
  {
    id: "ttl-expires-while-held",
    title: "A message that expires while it waits behind a slow handler is not handled.",
    guarantee: "G12",
    needs: ["ttl"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const gate = new Gate();
      const seen = await context.collect(client, jobs, { concurrency: 1, prefetch: 10 }, (value) =>
        value === "slow" ? gate.opened : undefined,
      );
      await client.send(jobs, "slow");
      await seen.first(1);
      await client.send(jobs, "short-lived", { ttlMs: 300 });
      await client.send(jobs, "control");
      await sleep(400);
      gate.open();
      await context.eventually("the one after it", () => seen.values.includes("control"));
      assert.deepEqual(seen.values, ["slow", "control"]);
    },
  },
  {
    id: "ttl-nearly-expired",
    title: "A message that has not expired yet is delivered, in a topic as in a queue.",
    guarantee: "G12",
    needs: ["ttl"],
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<string>();
      const events = context.topic<string>();
      const group = await context.collect(client, events, { group: "group" });
      await client.send(jobs, "in time", { ttlMs: 60_000 });
      await client.publish(events, "in time", { ttlMs: 60_000 });
      const seen = await context.collect(client, jobs);
      await seen.first(1);
      await group.first(1);
    },
  },
  {
    id: "lease-renewed",
    title: "A handler that takes three leases keeps its message, and settles it.",
    guarantee: "G8",
    applies: hasLease,
    timeoutMs: 240_000,
    async run(context) {
      const { ms, driver } = shortestLease(context);
      const client = await context.connect({}, driver());
      const jobs = context.queue<string>();
      const results: string[] = [];
      const seen = await context.collect(client, jobs, { concurrency: 1 }, async (_, delivery) => {
        await sleep(ms * 3.2);
        assert.equal(delivery.signal.aborted, false, "the lease was lost meanwhile");
        results.push(await delivery.ack());
      });
      await client.send(jobs, "slow");
      await seen.first(1);
      const other = await context.collect(await context.connect({}, driver()), jobs);
      await context.eventually("the handler ended", () => results.length > 0, ms * 4 + 10_000);
      assert.deepEqual(results, ["settled"]);
      await context.never(
        "it was delivered again",
        () => seen.deliveries.length + other.deliveries.length > 1,
        ms,
      );
    },
  },
  {
    id: "lease-renewed-while-waiting",
    title: "Messages that wait for their turn keep their leases too.",
    guarantee: "G8",
    applies: hasLease,
    timeoutMs: 240_000,
    async run(context) {
      const { ms, driver } = shortestLease(context);
      const client = await context.connect({}, driver());
      const jobs = context.queue<number>();
      const first = new Gate();
      const seen = await context.collect(client, jobs, { concurrency: 1, prefetch: 20 }, (value) =>
        value === 0 ? first.opened : undefined,
      );
      await client.send(jobs, 0);
      await seen.first(1);
      await client.sendBatch(jobs, [1, 2, 3, 4]);
      await context.eventually("all five are held", () => seen.subscription.held === 5);
      const other = await context.collect(await context.connect({}, driver()), jobs);
      await context.never("one was delivered to another", () => other.deliveries.length > 0, ms * 2.5);
      first.open();
      await seen.first(5);
      await context.never("one came again", () => seen.deliveries.length + other.deliveries.length > 5);
    },
  },
  {
    id: "lease-lost",
    title: "A handler whose lease was lost meanwhile is told, and what it says then is `lost`.",
    guarantee: "G8",
    applies: hasLease,
    timeoutMs: 240_000,
    async run(context) {
      const { ms, driver } = shortestLease(context);
      let stalled = true;
      // A process that stands still renews nothing; then it goes on.
      const waking = wrapDriver(driver(), {
        consumer: (consumer) => ({
          extend: async (batch, call) => (stalled ? [] : ((await consumer.extend?.(batch, call)) ?? [])),
        }),
      });
      const jobs = context.queue<string>();
      const gate = new Gate();
      context.atEnd(() => gate.open());
      const client = await context.connect({}, waking);
      const seen = await context.collect(client, jobs, {}, () => gate.opened);
      await client.send(jobs, "slow");
      const [first] = await seen.first(1);
      const other = await context.collect(await context.connect({}, driver()), jobs, {}, () => gate.opened);
      await context.eventually(
        "it comes again",
        () => seen.deliveries.length + other.deliveries.length > 1,
        ms * 4 + 10_000,
      );
      assert.equal(first?.signal.aborted, false, "the handler was told before anybody could know");
      stalled = false;
      await context.eventually("the handler is told", () => first?.signal.aborted, ms * 2 + 10_000);
      const reason: unknown = first?.signal.reason;
      assert.ok(MessagingError.isInstance(reason) && reason.code === "LEASE_LOST", `told: ${reason}`);
      assert.equal(await first?.ack(), "lost");
      await context.eventually("it is told to onError", () =>
        context.background.some(({ code }) => code === "LEASE_LOST"),
      );
    },
  },
  {
    id: "lease-maximum",
    title:
      "Past the lease maximum the message goes to another, and the late settlement is reported, not fatal.",
    guarantee: "G8",
    applies: hasLease,
    timeoutMs: 240_000,
    async run(context) {
      const { ms, driver } = shortestLease(context);
      const client = await context.connect({}, driver());
      const jobs = context.queue<string>();
      const gate = new Gate();
      const results: string[] = [];
      const seen = await context.collect(
        client,
        jobs,
        // The second handler is for what comes again: here or to the other subscription, as the broker likes.
        { concurrency: 2, maxLeaseMs: ms },
        async (_, delivery) => {
          if (seen.deliveries.length > 1) return;
          await gate.opened;
          results.push(await delivery.ack());
        },
      );
      await client.send(jobs, "too slow");
      const [first] = await seen.first(1);
      const other = await context.collect(await context.connect({}, driver()), jobs);
      await context.eventually("the handler is told", () => first?.signal.aborted, ms * 4 + 10_000);
      await context.eventually(
        "it comes again",
        () => seen.deliveries.length + other.deliveries.length > 1,
        ms * 4 + 10_000,
      );
      gate.open();
      await context.eventually("the late settlement", () => results.length > 0);
      assert.deepEqual(results, ["lost"]);
      await context.eventually("it is told to onError", () =>
        context.background.some(({ code }) => code === "LEASE_LOST"),
      );
      await client.send(jobs, "next");
      await context.eventually("the subscriptions go on", () =>
        [...seen.values, ...other.values].includes("next"),
      );
    },
  },
]);

/** Brokers count whole milliseconds. */
const clockGrainMs = 2;
/** For a computer that is busy with something else. */
const schedulingSlackMs = 500;
