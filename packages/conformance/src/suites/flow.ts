import assert from "node:assert/strict";
import type { Driver, ReceivedMessage } from "@waybill/core/spi";
import { type Case, suite } from "../case.ts";
import { Gate } from "../gate.ts";
import { Gauge } from "../gauge.ts";
import { wrapDriver } from "../wrap.ts";

/** G7 and G11. What runs, what is held and what waits is bounded, and nobody waits for somebody else's trouble. */
export const flow: readonly Case[] = suite("flow", [
  {
    id: "concurrency",
    title: "As many handlers run at once as `concurrency` says, and never more.",
    guarantee: "G7",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const gauge = new Gauge();
      const gate = new Gate();
      let done = 0;
      const subscription = await client.consume(jobs, { concurrency: 7 }, () =>
        gauge.during(async () => {
          await gate.opened;
          await new Promise(setImmediate);
          done++;
        }),
      );
      await client.sendBatch(jobs, numbers(100));
      await context.eventually("seven handlers at once", () => gauge.running === 7);
      assert.equal(subscription.running, 7);
      await context.never("an eighth handler", () => gauge.running > 7, 300);
      gate.open();
      await context.eventually("all are handled", () => done === 100);
      assert.equal(gauge.peak, 7);
    },
  },
  {
    id: "prefetch",
    title: "No more than `prefetch` messages are ever taken from the broker and unsettled.",
    guarantee: "G7",
    async run(context) {
      const ledger = new Ledger();
      const client = await context.connect({}, ledger.watch(context.driver()));
      const jobs = context.queue<number>();
      await client.topology.declare(jobs);
      await client.sendBatch(jobs, numbers(200));
      const gate = new Gate();
      let done = 0;
      let mostHeld = 0;
      const options = { concurrency: 5, prefetch: 20 };
      const subscription = await client.consume(jobs, options, async (_, delivery) => {
        mostHeld = Math.max(mostHeld, delivery.subscription.held);
        await gate.opened;
        done++;
      });
      await context.eventually("five handlers at once", () => subscription.running === 5);
      await context.never("more is held than the prefetch", () => subscription.held > 20, 300);
      const whileStuck = ledger.peak;
      gate.open();
      await context.eventually("all are handled", () => done === 200);
      assert.ok(mostHeld <= 20, `${mostHeld} held at once`);
      // Of a log only the watermark is settled, so what ended since is not counted there.
      const taken = context.capabilities.settlement === "cumulative" ? whileStuck : ledger.peak;
      assert.ok(taken <= 20, `${taken} taken from the driver and unsettled`);
    },
  },
  {
    id: "prefetch-leaves-the-rest",
    title: "What one consumer has no room for is there for another.",
    guarantee: "G7",
    applies: ({ settlement }) =>
      settlement === "individual" || "a partition belongs to one consumer, with all that is in it",
    async run(context) {
      const stuck = await context.connect();
      const jobs = context.queue<number>();
      await stuck.topology.declare(jobs);
      await stuck.sendBatch(jobs, numbers(200));
      const gate = new Gate();
      const first = await context.collect(stuck, jobs, { concurrency: 2, prefetch: 10 }, () => gate.opened);
      await first.first(2);
      const second = await context.collect(await context.connect(), jobs);
      await second.first(190);
      gate.open();
      await context.eventually(
        "all are handled",
        () => first.deliveries.length + second.deliveries.length >= 200,
      );
      const values = [...first.values, ...second.values].sort((a, b) => a - b);
      assert.deepEqual(values, numbers(200));
    },
  },
  {
    id: "raise-concurrency",
    title: "Raised while running, the concurrency is used at once, without a new message coming in.",
    guarantee: "G7",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const gauge = new Gauge();
      const gate = new Gate();
      const subscription = await client.consume(jobs, { concurrency: 2, prefetch: 50 }, () =>
        gauge.during(() => gate.opened),
      );
      await client.sendBatch(jobs, numbers(20));
      await context.eventually("two handlers at once", () => gauge.running === 2);
      await context.never("a third handler", () => gauge.running > 2);
      subscription.setConcurrency(6);
      await context.eventually("six handlers at once", () => gauge.running === 6);
      await context.never("a seventh handler", () => gauge.running > 6);
      gate.open();
      await context.eventually("all are handled", () => subscription.held === 0);
    },
  },
  {
    id: "lower-concurrency",
    title: "Lowered while running, the concurrency is kept from the next handler on.",
    guarantee: "G7",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const gauge = new Gauge();
      const first = new Gate();
      const second = new Gate();
      let calls = 0;
      const subscription = await client.consume(jobs, { concurrency: 6 }, () =>
        gauge.during(() => (++calls <= 6 ? first.opened : second.opened)),
      );
      await client.sendBatch(jobs, numbers(20));
      await context.eventually("six handlers at once", () => gauge.running === 6);
      subscription.setConcurrency(2);
      first.open();
      await context.eventually("two handlers at once", () => gauge.running === 2 && calls === 8);
      await context.never("a third handler", () => gauge.running > 2);
      gauge.peak = 0;
      second.open();
      await context.eventually("all are handled", () => calls === 20 && gauge.running === 0);
      assert.ok(gauge.peak <= 2, `${gauge.peak} handlers at once after lowering to 2`);
    },
  },
  {
    id: "pause-and-resume",
    title: "A paused subscription starts no handler, keeps what it has, and goes on when resumed.",
    guarantee: "G7",
    async run(context) {
      const { client, jobs, history, load } = await context.jobs();
      const subscription = await client.consume(jobs, { concurrency: 3 }, async (message) => {
        await new Promise(setImmediate);
        history.deliver(message);
      });
      await load({ count: 30 }).done;
      await context.eventually("the first are handled", () => history.complete());
      subscription.pause();
      assert.equal(subscription.state, "paused");
      await load({ count: 30 }).done;
      await context.never("a handler starts while paused", () => history.distinct() > 30, 400);
      subscription.resume();
      assert.equal(subscription.state, "running");
      await context.allDelivered(history);
    },
  },
  {
    id: "pause-while-running",
    title: "Pausing lets running handlers end and their messages be settled.",
    guarantee: "G7",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const gate = new Gate();
      const seen = await context.collect(client, jobs, { concurrency: 2 }, () => gate.opened);
      await client.sendBatch(jobs, numbers(10));
      await seen.first(2);
      seen.subscription.pause();
      gate.open();
      await context.eventually("running handlers have ended", () => seen.subscription.running === 0);
      await context.never("a handler starts while paused", () => seen.deliveries.length > 2);
      await seen.subscription.close();
      const rest = await context.collect(client, jobs);
      await rest.first(8);
      await context.never("what was handled comes again", () => rest.deliveries.length > 8);
    },
  },
  {
    id: "stuck-handler",
    title: "A handler that never ends does not stop the others.",
    guarantee: "G11",
    async run(context) {
      const client = await context.connect();
      const jobs = context.queue<number>();
      const gate = new Gate();
      const seen = await context.collect(client, jobs, { concurrency: 4 }, (value) =>
        value === 0 ? gate.opened : undefined,
      );
      await client.send(jobs, 0);
      await seen.first(1);
      await client.sendBatch(jobs, numbers(60).slice(1));
      await seen.first(60);
      assert.equal(seen.subscription.running, 1);
      gate.open();
      await context.eventually("it ends too", () => seen.subscription.held === 0);
    },
  },
  {
    id: "stuck-handler-in-a-log",
    title:
      "Behind a handler that never ends, a log's partition goes on, but only so far: what a crash would repeat is bounded.",
    guarantee: "G7",
    applies: ({ settlement }) => settlement === "cumulative" || "every message is settled on its own",
    async run(context) {
      const ledger = new Ledger();
      const client = await context.connect({}, ledger.watch(context.driver()));
      const { jobs, history, load, publish } = await context.jobs({}, client);
      const gate = new Gate();
      const prefetch = 20;
      const subscription = await client.consume(jobs, { concurrency: 5, prefetch }, async (message) => {
        if (message.n === 0) await gate.opened;
        history.deliver(message);
      });
      await publish(1);
      await context.eventually("the first is stuck", () => subscription.running === 1);
      const [stuckPartition] = ledger.partitions.keys();
      const waiting = () => ledger.partitions.get(stuckPartition)?.size ?? 0;
      await load({ count: 3000 }).done;
      await context.eventually("many others are handled", () => history.distinct() >= 1000);
      const bound = 4 * prefetch;
      await context.never(`more than ${bound} wait behind it`, () => waiting() > bound, 300);
      assert.ok(waiting() > 1, "nothing behind it was taken");
      gate.open();
      await context.allDelivered(history);
    },
  },
  {
    id: "stuck-subscription",
    title: "A subscription that is stuck as a whole does not stop the others of its client.",
    guarantee: "G11",
    async run(context) {
      const client = await context.connect();
      const stuck = context.queue<number>();
      const fine = context.queue<number>();
      const gate = new Gate();
      const first = await context.collect(client, stuck, { concurrency: 2, prefetch: 2 }, () => gate.opened);
      await client.sendBatch(stuck, numbers(20));
      await first.first(2);
      const second = await context.collect(client, fine);
      await client.sendBatch(fine, numbers(200));
      await second.first(200);
      assert.equal(first.deliveries.length, 2);
      gate.open();
      await first.first(20);
    },
  },
  {
    id: "stuck-group",
    title: "A group that is stuck does not hold up another group of its topic.",
    guarantee: "G11",
    async run(context) {
      const client = await context.connect();
      const events = context.topic<number>();
      const gate = new Gate();
      const options = { concurrency: 1, prefetch: 1 };
      const stuck = await context.collect(client, events, { group: "stuck", ...options }, () => gate.opened);
      const fine = await context.collect(client, events, { group: "fine" });
      await client.publishBatch(events, numbers(100));
      await fine.first(100);
      assert.ok(stuck.deliveries.length <= 1);
      gate.open();
      await stuck.first(100);
    },
  },
]);

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** Counts what a driver handed out and was not told the end of. */
class Ledger {
  peak = 0;
  /** What is outstanding in each partition. */
  readonly partitions = new Map<string | undefined, Set<ReceivedMessage>>();

  watch(driver: Driver): Driver {
    const cumulative = driver.capabilities.settlement === "cumulative";
    return wrapDriver(driver, {
      consumer: (own) => ({
        receive: async (max, call) => {
          const batch = await own.receive(max, call);
          for (const delivery of batch) this.#partition(delivery).add(delivery);
          this.peak = Math.max(this.peak, sum([...this.partitions.values()].map(({ size }) => size)));
          return batch;
        },
        settle: (batch, call) => {
          for (const { delivery } of batch) this.#settle(delivery, cumulative);
          return own.settle(batch, call);
        },
      }),
    });
  }

  #settle(delivery: ReceivedMessage, cumulative: boolean): void {
    const partition = this.#partition(delivery);
    if (!cumulative) partition.delete(delivery);
    else if (partition.has(delivery)) {
      for (const earlier of partition) {
        partition.delete(earlier);
        if (earlier === delivery) return;
      }
    }
  }

  #partition({ partition }: ReceivedMessage): Set<ReceivedMessage> {
    const held = this.partitions.get(partition) ?? new Set();
    this.partitions.set(partition, held);
    return held;
  }
}
