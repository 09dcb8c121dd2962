import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ConsumeOptions,
  deadLetterOf,
  type OrderedConsumeOptions,
  type QueueContract,
  queue,
  type Subscription,
} from "@waybill/core";
import type { ReceivedMessage } from "@waybill/core/spi";
import type { AnyClient } from "../any-client.ts";
import { type Case, suite } from "../case.ts";
import type { Context } from "../context.ts";
import { severable } from "../faults/severable.ts";
import { Gate } from "../gate.ts";
import { Gauge, KeyGauges } from "../gauge.ts";
import type { History, Numbered } from "../history.ts";
import { keysNamed } from "../load.ts";
import { quickRetry } from "../quick-retry.ts";
import { unconfirmedMs } from "../unconfirmed.ts";

/** G6. Messages with one key are handled one at a time, in the order in which one client published them. */
export const ordering: readonly Case[] = suite("ordering", [
  {
    id: "per-key",
    title: "16 keys with 1000 messages each, ten handlers at once: every key in order, one at a time.",
    guarantee: "G6",
    needs: ["ordering"],
    timeoutMs: 150_000,
    async run(context) {
      const { client, events, history, load } = await context.events({ keyed: true });
      const gauges = new KeyGauges();
      const inAll = new Gauge();
      await client.subscribe(events, { group: "group", concurrency: 10 }, (message) =>
        inAll.during(() => handled(message, history, gauges)),
      );
      await load({ count: 16_000 }).done;
      await context.allDelivered(history, { withinMs: 120_000 });
      assert.equal(gauges.peak, 1, "messages of one key were handled at the same time");
      assert.ok(inAll.peak <= 10, `${inAll.peak} handlers at once`);
      assert.ok(inAll.peak > 1, "keys were not handled in parallel");
    },
  },
  {
    id: "per-key-in-a-queue",
    title: "A queue with keys keeps their order too.",
    guarantee: "G6",
    needs: ["ordering"],
    async run(context) {
      const { client, jobs, history, load } = await context.jobs({ keyed: true });
      const gauges = new KeyGauges();
      await client.consume(jobs, { concurrency: 10 }, (message) => handled(message, history, gauges));
      await load({ count: 3200 }).done;
      await context.allDelivered(history);
      assert.equal(gauges.peak, 1, "messages of one key were handled at the same time");
    },
  },
  {
    id: "of-batches",
    title: "The order within batches and from batch to batch is kept, with many batches on their way.",
    guarantee: "G6",
    needs: ["ordering"],
    async run(context) {
      const { client, jobs, history } = await context.jobs({ keyed: true });
      await client.consume(jobs, { concurrency: 10 }, history.record);
      const keys = keysNamed(3);
      const batches = Array.from({ length: 20 }, () =>
        Array.from({ length: 50 }, (_, index) => history.next(keys[index % 3])),
      );
      await Promise.all(batches.map((batch) => client.sendBatch(jobs, batch)));
      for (const message of batches.flat()) history.confirm(message);
      await context.allDelivered(history);
    },
  },
  {
    id: "across-a-retry",
    title: "Messages that fail in the middle are retried before any later one of their key.",
    guarantee: "G6",
    needs: ["ordering"],
    async run(context) {
      const { client, jobs, history, load } = await context.jobs({ keyed: true });
      const gauges = new KeyGauges();
      let failures = 0;
      await client.consume(jobs, { concurrency: 10, retry: quickRetry() }, (message, { attempt }) => {
        if (message.n % 10 === 3 && attempt <= 2) {
          failures++;
          throw new Error("in the middle");
        }
        return handled(message, history, gauges);
      });
      await load({ count: 400, keys: keysNamed(8) }).done;
      await context.allDelivered(history);
      assert.equal(failures, 80, "each failed exactly twice");
      assert.equal(gauges.peak, 1, "messages of one key were handled at the same time");
    },
  },
  {
    id: "across-an-explicit-retry",
    title: "A delivery settled with `retry` holds its key back until it comes again.",
    guarantee: "G6",
    needs: ["ordering"],
    async run(context) {
      const { client, jobs, history, load } = await context.jobs({ keyed: true });
      await client.consume(jobs, { concurrency: 4 }, async (message, delivery) => {
        if (message.n === 2 && delivery.attempt === 1) await delivery.retry({ delayMs: 300 });
        else history.deliver(message);
      });
      await load({ count: 20, keys: keysNamed(2) }).done;
      await context.allDelivered(history);
    },
  },
  {
    id: "across-a-rebalance",
    title: "While members join and leave, no key is ever swapped or handled by two at once.",
    guarantee: "G6",
    needs: ["ordering"],
    timeoutMs: 120_000,
    async run(context) {
      const { events, history, load } = await context.events({ keyed: true, redelivery: true });
      const gauges = new KeyGauges();
      const join = async () => {
        const member = await context.connect();
        await member.subscribe(events, { group: "group", concurrency: 10 }, (message) =>
          handled(message, history, gauges),
        );
        return member;
      };
      await join();
      const publishing = load({ count: 8000, window: 200 });
      const reached = (share: number) =>
        context.inTime(`${share} of the load`, 60_000, publishing.reached(8000 * share));
      await reached(0.2);
      const second = await join();
      await reached(0.5);
      const third = await join();
      await reached(0.7);
      await second.close();
      await third.close();
      await publishing.done;
      // What a member had read and not handled may be read again, but not more than members hold.
      await context.allDelivered(history, { withinMs: 60_000, duplicates: 4 * 100 });
      assert.equal(gauges.peak, 1, "messages of one key were handled at the same time");
    },
  },
  {
    id: "across-a-lost-connection",
    title: "After a lost connection, what comes again comes in order, and handlers of one key never overlap.",
    guarantee: "G6",
    needs: ["ordering"],
    timeoutMs: 120_000,
    async run(context) {
      const wire = severable(context.driver());
      await acrossCuts(context, wire.driver, () => wire.sever());
    },
  },
  {
    id: "across-a-reset",
    title: "The same across TCP resets of publisher and subscriber.",
    guarantee: "G6",
    needs: ["ordering"],
    parts: ["endpoint"],
    timeoutMs: 180_000,
    async run(context) {
      const proxy = await context.proxy();
      await acrossCuts(context, context.driver(proxy.endpoint), () => proxy.reset());
    },
  },
  {
    id: "across-a-restart",
    title: "Consumers that close and start anew go on where the last one stopped, in order.",
    guarantee: "G6",
    needs: ["ordering"],
    timeoutMs: 120_000,
    async run(context) {
      const { client, jobs, history, load } = await context.jobs({ keyed: true });
      await client.topology.declare(jobs);
      await load({ count: 1500, keys: keysNamed(8) }).done;
      for (const share of [0.3, 0.6, 1]) {
        const consumer = await context.connect();
        await consumer.consume(jobs, { concurrency: 10 }, async (message) => {
          await turn();
          history.deliver(message);
        });
        await context.eventually(`${share} are handled`, () => history.distinct() >= 1500 * share);
        await consumer.close();
      }
      history.check();
    },
  },
  {
    id: "keys-do-not-block",
    title: "A key whose handler is stuck does not hold up the other keys.",
    guarantee: "G11",
    needs: ["ordering"],
    async run(context) {
      const { client, jobs, history, load } = await context.jobs({ keyed: true });
      const gate = new Gate();
      await client.consume(jobs, { concurrency: 4 }, async (message) => {
        if (message.k === "key-0") await gate.opened;
        history.deliver(message);
      });
      await load({ count: 80, keys: keysNamed(8) }).done;
      await context.eventually("the seven other keys are handled", () => history.distinct() >= 70);
      assert.equal(history.distinct(), 70, "the stuck key waits");
      gate.open();
      await context.allDelivered(history);
    },
  },
  {
    id: "retry-does-not-block-keys",
    title: "A key that waits for its retry does not hold up the other keys, even with one handler at a time.",
    guarantee: "G11",
    needs: ["ordering"],
    async run(context) {
      const { client, jobs } = await context.jobs({ keyed: true });
      const order: string[] = [];
      // Long enough that ten messages come and go meanwhile on any computer.
      const retry = { maxAttempts: 2, backoff: { initialMs: 5000, jitter: 0 } };
      await client.consume(jobs, { concurrency: 1, retry }, ({ k, n }, { attempt }) => {
        if (k === "bad" && attempt === 1) throw new Error("later");
        order.push(`${k}-${n}`);
      });
      await client.send(jobs, { p: "a", k: "bad", n: 0 });
      for (let n = 0; n < 10; n++) await client.send(jobs, { p: "a", k: "good", n });
      await context.eventually("all are handled", () => order.length === 11);
      assert.equal(order.at(-1), "bad-0", `the other key had to wait: ${order.join(" ")}`);
    },
  },
  {
    id: "followers-do-not-block",
    title:
      "More messages of one key than the prefetch, behind one whose handler is slow, do not hold up the other keys.",
    guarantee: "G11",
    needs: ["ordering"],
    timeoutMs: 240_000,
    async run(context) {
      const keys = keysNamed(50);
      const { client, jobs, history, load, free } = await withHotKey(context, keys);
      await load({ count: 501, keys: [hotKey] }).done;
      await load({ count: 500, keys }).done;
      const gate = new Gate();
      const gauges = new KeyGauges();
      let others = 0;
      await client.consume(jobs, { concurrency: 10, prefetch: 400 }, async (message) => {
        if (message.k === hotKey && message.n === 1) await gate.opened;
        if (free.has(message.k)) others++;
        await handled(message, history, gauges);
      });
      await context.eventually("all of the other keys are handled", () => others === 10 * free.size, 90_000);
      gate.open();
      await context.allDelivered(history, { withinMs: 90_000 });
      assert.equal(gauges.peak, 1, "messages of one key were handled at the same time");
    },
  },
  {
    id: "followers-of-a-retry-do-not-block",
    title:
      "150 messages of one key behind one that waits for its retry do not hold up the other keys, with the default options.",
    guarantee: "G11",
    needs: ["ordering"],
    timeoutMs: 180_000,
    async run(context) {
      const keys = keysNamed(10);
      const { client, jobs, history, load, free } = await withHotKey(context, keys);
      await load({ count: 150, keys: [hotKey] }).done;
      await load({ count: 50, keys }).done;
      // Long enough that fifty messages come and go meanwhile on any computer.
      const retry = { backoff: { initialMs: 10_000, jitter: 0 } };
      let others = 0;
      let othersBefore = 0;
      await client.consume(jobs, { retry }, (message, { attempt }) => {
        const isFirst = message.k === hotKey && message.n === 1;
        if (isFirst && attempt === 1) throw new Error("later");
        if (isFirst) othersBefore = others;
        if (free.has(message.k)) others++;
        history.deliver(message);
      });
      await context.allDelivered(history, { withinMs: 90_000 });
      assert.equal(othersBefore, 5 * free.size, "the other keys had to wait");
    },
  },
  {
    id: "blocked-until-redriven",
    title:
      "A key can wait for its dead-lettered message: others go on, and it does, in order, when that message is redriven.",
    guarantee: "G6",
    needs: ["ordering"],
    timeoutMs: 240_000,
    async run(context) {
      const client = await context.connect();
      const { jobs, handled, subscription, fix } = await blocked(context, client);
      fix();
      const report = await client.redrive({ queue: jobs });
      assert.equal(report.redriven, 1);
      await context.eventually("the key goes on", () => handled.length === 8, 200_000);
      await context.eventually(
        "nothing is left",
        () => subscription.held === 0 && subscription.blockedKeys === 0,
        60_000,
      );
      // Its copy may come after them, where it cannot while others of its key are unsettled: that is no other run.
      await context.never("a message was handled again", () => handled.length > 8, 500);
      const ofKey = handled.filter((each) => each.startsWith("bad"));
      assert.deepEqual(ofKey, ["bad-0", "bad-1", "bad-2"]);
    },
  },
  {
    id: "blocked-until-removed",
    title: "A key that waits for its dead-lettered message goes on when that message is removed.",
    guarantee: "G6",
    needs: ["ordering"],
    timeoutMs: 240_000,
    async run(context) {
      const client = await context.connect();
      const { jobs, handled, fix } = await blocked(context, client);
      fix();
      const removing = await context.collect(client, deadLetterOf({ queue: jobs }));
      await removing.first(1);
      await removing.subscription.close();
      await context.eventually("the key goes on", () => handled.length === 7, 200_000);
      assert.deepEqual(handled.slice(5), ["bad-1", "bad-2"]);
    },
  },
  {
    id: "blocked-across-a-restart",
    title:
      "A key that waits for its dead-lettered message waits in the next process too, without another run.",
    guarantee: "G6",
    needs: ["ordering"],
    timeoutMs: 120_000,
    async run(context) {
      const { jobs, handled, subscription, fix } = await blocked(context, await context.connect());
      await subscription.close();
      fix();
      await stillBlocked(context, await context.connect(), jobs, handled);
    },
  },
  {
    id: "redriven-while-nobody-runs",
    title:
      "A dead-lettered message whose key waits, redriven while nobody consumes, is handled once and in its place.",
    guarantee: "G6",
    needs: ["ordering"],
    applies: keepsAttempt,
    timeoutMs: 240_000,
    async run(context) {
      const client = await context.connect();
      const { jobs, handled, subscription, fix } = await blocked(context, client);
      await subscription.close();
      assert.equal((await client.redrive({ queue: jobs })).redriven, 1);
      fix();
      await goesOn(context, jobs, handled, ["bad-0", "bad-1", "bad-2"]);
    },
  },
  {
    id: "removed-while-nobody-runs",
    title: "A dead-lettered message whose key waits, removed while nobody consumes, is not handled again.",
    guarantee: "G6",
    needs: ["ordering"],
    applies: keepsAttempt,
    timeoutMs: 240_000,
    async run(context) {
      const client = await context.connect();
      const { jobs, handled, subscription, fix } = await blocked(context, client);
      await subscription.close();
      const removing = await context.collect(client, deadLetterOf({ queue: jobs }));
      await removing.first(1);
      await removing.subscription.close();
      fix();
      await goesOn(context, jobs, handled, ["bad-1", "bad-2"]);
    },
  },
  {
    id: "blocked-across-a-crash",
    title: "A key that waits for its dead-lettered message waits after a crash too, without another run.",
    guarantee: "G6",
    needs: ["ordering"],
    parts: ["crash"],
    timeoutMs: 180_000,
    async run(context) {
      const crashable = await context.crashable();
      const dying = await context.connect({}, crashable.driver);
      const { jobs, handled, fix } = await blocked(context, dying);
      await sleep(unconfirmedMs);
      await crashable.die();
      fix();
      await stillBlocked(context, await context.connect({}, crashable.replacement), jobs, handled);
    },
  },
  {
    id: "unkeyed-in-parallel",
    title: "Messages without a key run in parallel.",
    guarantee: "G6",
    async run(context) {
      const client = await context.connect();
      await inParallel(context, (handle) => {
        const jobs = context.queue<number>();
        return client.consume(jobs, { concurrency: 10 }, handle).then((subscription) => ({
          subscription,
          publish: (values: readonly number[]) => client.sendBatch(jobs, values),
        }));
      });
    },
  },
  {
    id: "unkeyed-among-keyed",
    title:
      "Messages for which the key function gives none run in parallel, though others of the queue have keys.",
    guarantee: "G6",
    needs: ["ordering"],
    async run(context) {
      const client = await context.connect();
      await inParallel(context, (handle) => {
        const jobs = context.queue<number>({ key: () => undefined });
        return client.consume(jobs, { concurrency: 10 }, handle).then((subscription) => ({
          subscription,
          publish: (values: readonly number[]) => client.sendBatch(jobs, values),
        }));
      });
    },
  },
]);

const hotKey = "hot";

/**
 * A queue in which one message of each of these keys, and of the hot one, was handled. `free`: the keys that nothing
 * of the hot one may hold up. A log is not read further where half of the prefetch waits in a partition, so there it
 * is those of other partitions.
 */
async function withHotKey(context: Context, keys: readonly string[]) {
  const partitions = new Map<string | undefined, string | undefined>();
  const received = (_: unknown, batch: readonly ReceivedMessage[]) => {
    for (const { key, partition } of batch) partitions.set(key, partition);
  };
  const client = await context.connect({ observer: { received } });
  const work = await context.jobs({ keyed: true }, client);
  const first = await client.consume(work.jobs, {}, work.history.record);
  await work.load({ count: keys.length + 1, keys: [hotKey, ...keys] }).done;
  await context.allDelivered(work.history);
  await first.close();
  const isLog = context.capabilities.settlement === "cumulative";
  const isFree = (key: string) => !isLog || partitions.get(key) !== partitions.get(hotKey);
  const free = new Set(keys.filter(isFree));
  assert.ok(free.size > 0, "some keys are in other partitions");
  return { ...work, free };
}

const blocking: Omit<ConsumeOptions, "deadLetter"> & OrderedConsumeOptions = {
  afterDeadLetter: "block",
  retry: quickRetry(2),
};

/**
 * A queue of which one key waits for a dead-lettered message, with two behind it, and another has
 * gone on. `fix`: the handler fails no more.
 */
async function blocked(context: Context, client: AnyClient) {
  const jobs = queue<Numbered>(context.name(), { key: ({ k }) => k });
  await client.topology.declare(jobs, deadLetterOf({ queue: jobs }));
  const handled: string[] = [];
  let runs = 0;
  let isBroken = true;
  const subscription = await client.consume(jobs, blocking, ({ k, n }) => {
    if (k === "bad" && isBroken) {
      runs++;
      throw new Error("it cannot be handled yet");
    }
    handled.push(`${k}-${n}`);
  });
  for (let n = 0; n < 3; n++) await client.send(jobs, { p: "a", k: "bad", n });
  for (let n = 0; n < 5; n++) await client.send(jobs, { p: "a", k: "good", n });
  await context.eventually("other keys go on", () => handled.length === 5);
  await context.eventually("the key waits", () => subscription.blockedKeys === 1);
  await context.never("a message of the key was handled", () => runs > 2 || handled.length > 5, 500);
  const fix = () => {
    isBroken = false;
  };
  return { jobs, handled, subscription, fix };
}

/** The broker's own dead-letter queue is all that this client knows of what was before. */
async function stillBlocked(
  context: Context,
  client: AnyClient,
  jobs: QueueContract<Numbered, Numbered, never, never, true>,
  handled: string[],
): Promise<void> {
  const again = await client.consume(jobs, blocking, ({ k, n }) => void handled.push(`${k}-${n}`));
  await context.eventually("it has found what was given up", () => again.blockedKeys === 1, 120_000);
  await client.send(jobs, { p: "a", k: "good", n: 5 });
  await context.eventually("other keys go on", () => handled.includes("good-5"));
  await context.never("it ran once more", () => handled.includes("bad-0"), 500);
  const overtook = handled.filter((each) => each.startsWith("bad"));
  assert.equal(overtook.length, 0, `${overtook.length} reordered: ${overtook}`);
}

function keepsAttempt({ handBack }: Context["capabilities"]): true | string {
  return handBack?.keepsAttempt === true || "Its consumers hand back with the broker's count alone.";
}

/** In another process, once the cause is gone: what is handled of the key from then on. */
async function goesOn(
  context: Context,
  jobs: QueueContract<Numbered, Numbered, never, never, true>,
  handled: string[],
  expected: readonly string[],
): Promise<void> {
  const client = await context.connect();
  const again = await client.consume(jobs, blocking, ({ k, n }) => void handled.push(`${k}-${n}`));
  const ofKey = () => handled.filter((each) => each.startsWith("bad"));
  await context.eventually("the key goes on", () => ofKey().length >= expected.length, 200_000);
  await context.eventually("nothing is left", () => again.held === 0 && again.blockedKeys === 0, 60_000);
  assert.deepEqual(ofKey(), expected);
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A handler that yields, so that one that runs too early is seen. */
function handled(message: Numbered, history: History, gauges: KeyGauges): Promise<void> {
  return gauges.of(message.k).during(async () => {
    history.deliver(message);
    await turn();
  });
}

/** Publishes and subscribes through one driver that is cut three times in the middle. */
async function acrossCuts(
  context: Context,
  driver: Parameters<Context["connect"]>[1],
  cut: () => void,
): Promise<void> {
  const count = 4000;
  const client = await context.connect({}, driver);
  const { events, history, load } = await context.events({ keyed: true, redelivery: true }, client);
  const gauges = new KeyGauges();
  await client.subscribe(events, { group: "group", concurrency: 10 }, (message) =>
    handled(message, history, gauges),
  );
  const publishing = load({ count, window: 200 });
  for (const share of [0.25, 0.5, 0.75]) {
    await context.inTime(`${share} of the load`, 60_000, publishing.reached(count * share));
    cut();
  }
  await publishing.done;
  assert.equal(publishing.failed, 0, `publishes failed: ${String(publishing.lastError)}`);
  // Each cut may repeat what was on its way to the broker and what was held.
  await context.allDelivered(history, { withinMs: 60_000, duplicates: 3 * (200 + 100) * 2 });
  assert.equal(gauges.peak, 1, "messages of one key were handled at the same time");
}

/** Ten messages, each of whose handlers waits for all ten. */
async function inParallel(
  context: Context,
  start: (handle: () => Promise<void>) => Promise<{
    readonly subscription: Subscription;
    readonly publish: (values: readonly number[]) => Promise<unknown>;
  }>,
): Promise<void> {
  const gauge = new Gauge();
  const gate = new Gate();
  const { publish } = await start(() => gauge.during(() => gate.opened));
  await publish(Array.from({ length: 10 }, (_, index) => index));
  await context.eventually("ten handlers at once", () => gauge.running === 10);
  gate.open();
}
