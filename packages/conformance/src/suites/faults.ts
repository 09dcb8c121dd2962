import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Case, suite } from "../case.ts";
import type { Context } from "../context.ts";
import { severable } from "../faults/severable.ts";
import { faultMessages, Trial, type TrialOptions } from "../faults/trial.ts";
import { mostUnsettled } from "../faults/unsettled.ts";
import { Gate } from "../gate.ts";
import type { Numbered } from "../history.ts";
import { part } from "../parts.ts";
import { startWorker } from "../programs/start-worker.ts";
import type { BrokerProcess } from "../target.ts";

/** G10. Networks break and brokers die; what was confirmed is handled, in order, without anybody's help. */
export const faults: readonly Case[] = suite("faults", [
  {
    id: "connection-lost",
    title: "Connections that are lost again and again under load cost nothing but repeats.",
    guarantee: "G10",
    timeoutMs: 180_000,
    exclusive: true,
    async run(context) {
      const wires = [severable(context.driver()), severable(context.driver())];
      const next = wires.values();
      const trial = await Trial.start(context, () => next.next().value?.driver);
      for (const [round, share] of [0.2, 0.4, 0.6, 0.8].entries()) {
        await trial.reached(share);
        await context.eventually("both clients have connected anew", () =>
          wires.every((wire) => wire.connected() === round + 1),
        );
        for (const wire of wires) wire.sever();
        await trial.recovers();
      }
      await trial.end(4);
    },
  },
  {
    id: "connection-reset",
    title: "The same with TCP resets between clients and broker.",
    guarantee: "G10",
    parts: ["endpoint"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const { proxy, trial } = await trialBehindProxy(context);
      for (const share of [0.25, 0.5, 0.75]) {
        await trial.reached(share);
        proxy.reset();
        await trial.recovers();
      }
      await trial.end(3);
    },
  },
  {
    id: "half-open",
    title: "Connections on which everything vanishes in silence are given up and replaced.",
    guarantee: "G10",
    parts: ["endpoint"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const { proxy, trial } = await trialBehindProxy(context);
      await trial.reached(0.4);
      const before = proxy.accepted;
      proxy.halfOpen();
      const since = performance.now();
      await context.eventually("a client notices and connects anew", () => proxy.accepted > before, 90_000);
      context.measure("noticedMs", Math.round(performance.now() - since));
      await proxy.heal();
      await trial.recovers();
      await trial.end(1);
    },
  },
  {
    id: "replies-dropped",
    title: "Confirmations that never arrive, and then a reset: what was stored is repeated at worst.",
    guarantee: "G10",
    parts: ["endpoint"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const { proxy, trial } = await trialBehindProxy(context);
      for (const share of [0.3, 0.6]) {
        await trial.reached(share);
        proxy.dropReplies();
        await sleep(100);
        await proxy.heal();
        proxy.reset();
        await trial.recovers();
      }
      await trial.end(2);
    },
  },
  {
    id: "latency",
    title: "With 200 ms added to every round trip everything works as before.",
    guarantee: "G10",
    parts: ["endpoint"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const proxy = await context.proxy();
      proxy.latency(200);
      const trial = await Trial.start(context, () => context.driver(proxy.endpoint), {
        count: Math.min(faultMessages, 2000),
      });
      await trial.end(0);
    },
  },
  {
    id: "bandwidth",
    title: "On a line of 64 kB a second everything works as before, only slower.",
    guarantee: "G10",
    parts: ["endpoint"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const { proxy, trial } = await trialBehindProxy(context, {
        count: 400,
        padding: 1000,
        window: 100,
      });
      proxy.bandwidth(64_000);
      await trial.end(0);
    },
  },
  {
    id: "broker-killed",
    title: "A broker that is killed and started again under load has kept all that it confirmed.",
    guarantee: "G10",
    parts: ["broker"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const broker = brokerOf(context);
      const trial = await Trial.start(context, () => context.driver(), { topologyAgeMs });
      await trial.reached(0.4);
      await broker.kill();
      await broker.start();
      await trial.recovers();
      await trial.end(1);
    },
  },
  {
    id: "broker-killed-replies-dropped",
    title: "The same when the broker's last replies got lost, so that nobody knows what it had stored.",
    guarantee: "G10",
    parts: ["broker", "endpoint"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const broker = brokerOf(context);
      const { proxy, trial } = await trialBehindProxy(context, { topologyAgeMs });
      await trial.reached(0.4);
      proxy.dropReplies();
      await sleep(100);
      await broker.kill();
      await proxy.heal();
      await broker.start();
      await trial.recovers();
      await trial.end(1);
    },
  },
  {
    id: "broker-stopped",
    title: "A broker that is away for thirty seconds is waited for.",
    guarantee: "G10",
    parts: ["broker"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const broker = brokerOf(context);
      const trial = await Trial.start(context, () => context.driver(), { topologyAgeMs });
      await trial.reached(0.4);
      await broker.kill();
      await context.eventually("the subscription says that it is recovering", () => {
        const { status, subscriptions } = trial.consumer.health();
        return status === "recovering" || subscriptions.every(({ state }) => state === "recovering");
      });
      assert.ok(trial.publisher.health().pendingPublishes > 0, "publishes wait");
      await sleep(30_000);
      await broker.start();
      await trial.recovers();
      await trial.end(1);
    },
  },
  {
    id: "consumer-process-killed",
    title: "What a process was handling when it was killed is handled by another.",
    guarantee: "G2",
    parts: ["url"],
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const url = part(context.target, "url");
      const { shortLease } = context.target;
      const ordered = keepsOrder(context);
      const { client, jobs, history, load } = await context.jobs({ keyed: ordered, redelivery: true });
      await client.topology.declare(jobs);
      const prefetch = 100;
      const worker = await startWorker({
        reach: url,
        queue: jobs.name,
        ordered,
        handler: { takesMs: 2 },
        concurrency: 10,
        prefetch,
        attempts: 5,
      });
      context.atEnd(() => worker.kill("SIGKILL"));
      const publishing = load({ count: faultMessages, window: 500 });
      const told = (event: string) => worker.reports.filter((report) => report.event === event);
      // More than may come again, so that beginning anew would be seen.
      const goal = faultMessages / 4;
      await context.eventually(`${goal} are handled`, () => told("finished").length >= goal, 90_000);
      worker.kill("SIGKILL");
      await worker.exited;
      const killedAt = performance.now();
      for (const report of told("finished")) {
        if (report.event === "finished") history.deliver(report.value as Numbered);
      }
      const replacement = await context.connect(
        {},
        shortLease === undefined ? context.driver() : context.recorded(shortLease.driver()),
      );
      const first = new Gate();
      await replacement.consume(jobs, { concurrency: 10 }, (message) => {
        first.open();
        history.deliver(message);
      });
      await context.inTime("the first message for the replacement", 60_000, first.opened);
      context.measure("recoveryMs", Math.round(performance.now() - killedAt));
      await context.inTime("confirming the rest", 120_000, publishing.done);
      const duplicates = 2 * mostUnsettled(context.capabilities, prefetch);
      await context.allDelivered(history, { withinMs: 90_000, duplicates });
    },
  },
  {
    id: "rebalance-storm",
    title: "While members come and go without a pause, nothing is lost and no key is swapped.",
    guarantee: "G10",
    timeoutMs: 300_000,
    exclusive: true,
    async run(context) {
      const { events, history, load } = await context.events({
        keyed: keepsOrder(context),
        redelivery: true,
      });
      const join = async () => {
        const member = await context.connect();
        await member.subscribe(events, { group: "group", concurrency: 10 }, async (message) => {
          await new Promise(setImmediate);
          history.deliver(message);
        });
        return member;
      };
      const members = [await join(), await join()];
      const publishing = load({ count: faultMessages, window: 200 });
      const rounds = 10;
      for (let round = 1; round <= rounds; round++) {
        const goal = (faultMessages * round) / (rounds + 2);
        await context.inTime(`${goal} are confirmed`, 90_000, publishing.reached(goal));
        // One leaves and one joins at the same time, which is the worst that can be.
        const leaving = members.shift()?.close();
        members.push(await join());
        await leaving;
      }
      await publishing.done;
      await context.allDelivered(history, { withinMs: 90_000, duplicates: rounds * 2 * 100 });
    },
  },
]);

const keepsOrder = ({ capabilities }: Context) => capabilities.features.ordering !== undefined;

/** Publisher and consumer reach the broker through a proxy. */
async function trialBehindProxy(context: Context, options?: TrialOptions) {
  const proxy = await context.proxy();
  return { proxy, trial: await Trial.start(context, () => context.driver(proxy.endpoint), options) };
}

/** The broker's process, which runs again when the case ends, whatever came of it. */
function brokerOf(context: Context): BrokerProcess {
  const broker = part(context.target, "broker");
  context.atEnd(() => broker.start());
  return broker;
}

/** What is killed right after making a queue may forget it (RabbitMQ 4.0 does). This is about messages, not about that. */
const topologyAgeMs = 3000;
