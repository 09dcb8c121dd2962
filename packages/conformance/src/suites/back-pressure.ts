import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Case, suite } from "../case.ts";
import { assertMessagingError, failure } from "../failing.ts";
import { Gate } from "../gate.ts";
import { liveBytes } from "../heap.ts";
import type { Numbered } from "../history.ts";
import { Load } from "../load.ts";
import { part } from "../parts.ts";
import { wrapDriver } from "../wrap.ts";

/** G7. Whoever is slower than the other is waited for, in bounded memory, and loses nothing by it. */
export const backPressure: readonly Case[] = suite("back-pressure", [
  {
    id: "backlog-heap-flat",
    title: "Memory stays flat while a backlog of 100,000 messages is worked off.",
    guarantee: "G7",
    exclusive: true,
    timeoutMs: 240_000,
    async run(context) {
      const client = await context.connect();
      // 1 KiB each: held in memory as a whole, the backlog would be over 100 MB.
      const jobs = context.queue<Numbered & { readonly pad: string }>();
      const pad = "x".repeat(1000);
      const history = context.history();
      await client.topology.declare(jobs);
      const load = new Load(history, (message) => client.send(jobs, { ...message, pad }), {
        count: 100_000,
        window: 2000,
      });
      await load.done;
      const before = liveBytes();
      let most = 0;
      const subscription = await client.consume(jobs, { concurrency: 50, prefetch: 500 }, ({ p, k, n }) => {
        history.deliver({ p, k, n });
        if (history.distinct() % 10_000 === 0) most = Math.max(most, liveBytes());
      });
      await context.eventually("all are handled", () => history.distinct() >= 100_000, 180_000);
      await subscription.close();
      history.check();
      const grownMiB = (most - before) / 2 ** 20;
      assert.ok(grownMiB < 32, `memory grew by ${grownMiB.toFixed(1)} MiB`);
    },
  },
  {
    id: "slow-consumer-keeps-membership",
    title: "A consumer slower than three sessions or leases keeps its messages, those that wait included.",
    guarantee: "G7",
    parts: ["shortLease"],
    timeoutMs: 180_000,
    async run(context) {
      const shortLease = part(context.target, "shortLease");
      const events = context.topic<number>();
      const member = async () => {
        const client = await context.connect({}, context.recorded(shortLease.driver()));
        return context.collect(client, events, { group: "group", concurrency: 1 }, () =>
          sleep(shortLease.ms * 1.2),
        );
      };
      const members = [await member(), await member()];
      const publisher = await context.connect();
      await publisher.publishBatch(events, numbers(4));
      await context.eventually(
        "all four are handled",
        () =>
          sum(members.map(({ deliveries }) => deliveries.length)) >= 4 &&
          members.every(({ subscription }) => subscription.held === 0),
        shortLease.ms * 6 + 30_000,
      );
      const values = members.flatMap((one) => one.values).sort((a, b) => a - b);
      assert.deepEqual(values, numbers(4), "each was handled once");
      assert.deepEqual(
        members.map(({ subscription }) => subscription.state),
        ["running", "running"],
      );
      assert.deepEqual(context.background, []);
    },
  },
  {
    id: "overloaded-by-messages",
    title:
      "Publishing faster than the broker takes it ends in OVERLOADED at the bound, and what was taken arrives.",
    guarantee: "G7",
    async run(context) {
      const gate = new Gate();
      const client = await context.connect(
        { maxPending: { messages: 100 } },
        wrapDriver(context.driver(), {
          connection: (own) => ({
            async publish(to, batch, call) {
              await gate.opened;
              return own.publish(to, batch, call);
            },
          }),
        }),
      );
      const jobs = context.queue<Numbered>();
      const history = context.history();
      await client.topology.declare(jobs);
      const taken = Array.from({ length: 100 }, () =>
        history.publish((message) => client.send(jobs, message)),
      );
      await context.eventually("a hundred wait", () => client.health().pendingPublishes === 100);
      const error = await failure(() => client.send(jobs, history.next()), "OVERLOADED");
      assert.equal(error.retryable, true);
      gate.open();
      await Promise.all(taken);
      await client.consume(jobs, (message) => history.deliver(message));
      await context.eventually("all that was taken arrives", () => history.complete());
      await history.publish((message) => client.send(jobs, message));
      await context.eventually("there is room again", () => history.complete());
      history.check();
    },
  },
  {
    id: "overloaded-by-bytes",
    title: "The bound counts bytes as well as messages.",
    guarantee: "G7",
    async run(context) {
      const gate = new Gate();
      const client = await context.connect(
        { maxPending: { bytes: 100_000 } },
        wrapDriver(context.driver(), {
          connection: (own) => ({
            async publish(to, batch, call) {
              await gate.opened;
              return own.publish(to, batch, call);
            },
          }),
        }),
      );
      const jobs = context.queue<string>();
      await client.topology.declare(jobs);
      const body = "x".repeat(10_000);
      let refused = 0;
      const sending = numbers(12).map(() =>
        client.send(jobs, body).catch((error: unknown) => {
          assertMessagingError(error);
          assert.equal(error.code, "OVERLOADED");
          refused++;
        }),
      );
      await context.eventually("what is over the bound is refused", () => refused >= 2);
      gate.open();
      await Promise.all(sending);
      assert.ok(refused <= 4, `${refused} of 12 were refused`);
      await client.send(jobs, body);
    },
  },
]);

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
