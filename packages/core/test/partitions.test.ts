import { describe, expect, it, vi } from "vitest";
import { ConsumerSession } from "../src/consuming/consumer-session.ts";
import { queue } from "../src/index.ts";
import type { Capabilities, ReceivedMessage } from "../src/spi/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { type Script, VendorError } from "./scripted-driver.ts";
import { connected, delivery, gate, never } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => undefined });

const cumulative = { settlement: "cumulative", retry: { how: "republish" } } satisfies Partial<Capabilities>;
const inPartition = (partition: string, ...values: number[]) =>
  values.map((value) => delivery(value, { partition }));

/** A consumer of a log, and the hands that handle. */
async function consuming(script: Script = {}, options: Parameters<typeof begin>[1] = {}) {
  return begin({ capabilities: cumulative, ...script }, options);
}

async function begin(
  script: Script,
  options: { prefetch?: number; concurrency?: number; contract?: typeof Jobs },
) {
  const { contract = Jobs, ...rest } = options;
  const bench = await connected(script);
  const hands = new ManualHandler();
  const subscription = await bench.client.consume(contract, { concurrency: 100, ...rest }, hands.handler);
  return { ...bench, hands, subscription, consumer: bench.driver.consumer() };
}

describe("the watermark of a partition", () => {
  it("moves only over what has ended without a gap", async () => {
    const { hands, consumer, clock } = await consuming();
    consumer.deliver(...inPartition("p0", 1, 2, 3, 4));
    await clock.settle();
    hands.end(2, 4);
    await clock.settle();
    expect(consumer.settled).toEqual([]);
    hands.end(1);
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 2"]);
    hands.end(3);
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 2", "ack 4"]);
  });

  it("is told once for many, and each partition has its own", async () => {
    const { hands, consumer, clock } = await consuming();
    consumer.deliver(...inPartition("p0", 1, 2, 3), ...inPartition("p1", 11, 12));
    await clock.settle();
    hands.end(1, 2, 3, 12, 11);
    await clock.settle();
    expect(consumer.settled.sort()).toEqual(["ack 12", "ack 3"]);
  });

  it("takes no place in the prefetch, so that a slow head does not stop the others", async () => {
    const { hands, consumer, clock, subscription } = await consuming({}, { prefetch: 2, concurrency: 2 });
    consumer.deliver(...inPartition("p0", 1, 2, 3));
    await clock.settle();
    hands.end(2);
    await clock.settle();
    expect(subscription.held).toBe(2);
    expect(hands.began).toEqual(["1", "2", "3"]);
    expect(consumer.settled).toEqual([]);
  });

  it("waits for the dead-lettered messages of what failed for good", async () => {
    const deadLettered = gate();
    const { hands, consumer, clock } = await consuming({
      publish: () => deadLettered.opened.then(() => undefined),
    });
    consumer.deliver(...inPartition("p0", 1, 2));
    await clock.settle();
    void hands.delivery(1).reject();
    hands.end(1, 2);
    await clock.settle();
    expect(consumer.settled).toEqual([]);
    deadLettered.open();
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 2"]);
  });

  it("that the broker does not take yet is told again, but never after a newer one", async () => {
    const first = gate();
    let calls = 0;
    const { hands, consumer, clock } = await consuming({
      settle: async (batch) => {
        if (++calls > 1) return undefined;
        await first.opened;
        return batch.map(() => ({ cause: new VendorError("TIMEOUT") }));
      },
    });
    consumer.deliver(...inPartition("p0", 1, 2));
    await clock.settle();
    hands.end(1);
    await clock.settle();
    hands.end(2);
    await clock.settle();
    first.open();
    await clock.pass(1_000);
    expect(consumer.settled).toEqual(["ack 1", "ack 2"]);
  });

  it("that the broker never takes is reported, also while it moves on", async () => {
    const { hands, consumer, clock, errors } = await consuming({
      settle: () => {
        throw new VendorError("TIMEOUT");
      },
    });
    for (let value = 1; value <= 10; value++) {
      consumer.deliver(...inPartition("p0", value));
      await clock.settle();
      hands.end(value);
      await clock.pass(1_000);
    }
    expect(errors.length).toBeGreaterThan(0);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["TIMEOUT"]));
  });

  it("that was given up is tried again after a while, though nothing more comes", async () => {
    let refuses = true;
    const { hands, consumer, clock, errors, subscription } = await consuming({
      settle: (batch) => (refuses ? batch.map(() => ({ cause: new VendorError("TIMEOUT") })) : undefined),
    });
    consumer.deliver(...inPartition("p0", 1));
    await clock.settle();
    hands.end(1);
    await clock.pass(5_000);
    expect(errors.map(({ code }) => code)).toEqual(["TIMEOUT"]);
    const tries = consumer.settlements.length;
    refuses = false;
    await clock.pass(10_000);
    expect(consumer.settlements).toHaveLength(tries + 1);
    expect(consumer.settlements.at(-1)).toMatchObject([{ outcome: "ack" }]);
    await clock.pass(60_000);
    expect(consumer.settlements).toHaveLength(tries + 1);
    await subscription.close();
    expect(clock.timers).toBe(0);
  });

  it("that was given up is tried once more before its consumer closes or its partition goes", async () => {
    let refuses = true;
    const { hands, consumer, clock, subscription } = await consuming({
      settle: (batch) => (refuses ? batch.map(() => ({ cause: new VendorError("TIMEOUT") })) : undefined),
    });
    consumer.deliver(...inPartition("p0", 1), ...inPartition("p1", 11));
    await clock.settle();
    hands.end(1, 11);
    await clock.pass(5_000);
    refuses = false;
    const before = consumer.settled.length;
    const revoking = consumer.hooks.revoking(["p0"]);
    await revoking;
    expect(consumer.settled.slice(before).sort()).toEqual(["ack 1", "ack 11"]);
    await subscription.close();
    expect(clock.timers).toBe(0);
  });

  it("that the broker says is lost is reported as LEASE_LOST", async () => {
    const { hands, consumer, clock, errors } = await consuming({
      settle: (batch) => batch.map(() => "lost"),
    });
    consumer.deliver(...inPartition("p0", 1));
    await clock.settle();
    hands.end(1);
    await clock.settle();
    expect(errors).toMatchObject([{ code: "LEASE_LOST", details: { partition: "p0" } }]);
  });
});

describe("what ended behind a stuck head", () => {
  async function behindAStuckHead(script: Script) {
    const bench = await consuming(script, { prefetch: 4, concurrency: 4 });
    const { consumer, hands, clock } = bench;
    consumer.deliver(...inPartition("p0", 0));
    await clock.settle();
    for (let value = 1; value <= 20; value++) {
      consumer.deliver(...inPartition("p0", value));
      await clock.settle();
      if (hands.began.includes(String(value))) hands.end(value);
      await clock.settle();
    }
    return bench;
  }

  it("is bounded: the partition is held back, and let go when the head has ended", async () => {
    const { consumer, hands, clock } = await behindAStuckHead({});
    expect(consumer.pausedPartitions).toEqual([["p0"]]);
    hands.end(0);
    await clock.settle();
    consumer.deliver(...inPartition("p1", 100));
    await clock.settle();
    expect(consumer.pausedPartitions).toEqual([["p0"], []]);
  });

  it("is bounded also where no single partition can be held back: nothing more is fetched", async () => {
    const { consumer, hands, clock } = await behindAStuckHead({ pausesPartitions: false });
    expect(hands.began.length).toBeLessThan(12);
    expect(consumer.waiting).toBeGreaterThan(0);
    hands.end(0);
    await clock.settle();
    expect(hands.began.length).toBeGreaterThan(12);
  });
});

describe("partitions that are going", () => {
  it("have nothing more started; what runs ends and is settled before they go", async () => {
    const { hands, consumer, clock } = await consuming({}, { concurrency: 1 });
    consumer.deliver(...inPartition("p0", 1, 2), ...inPartition("p1", 11));
    await clock.settle();
    let gone = false;
    const revoking = consumer.hooks.revoking(["p0"]).then(() => {
      gone = true;
    });
    await clock.settle();
    expect(gone).toBe(false);
    hands.end(1);
    await clock.settle();
    await revoking;
    expect(consumer.settled).toEqual(["ack 1"]);
    expect(hands.began).toEqual(["1", "11"]);
  });

  it("do not go before the broker has the settlement", async () => {
    const answer = gate();
    const { hands, consumer, clock } = await consuming({ settle: () => answer.opened.then(() => undefined) });
    consumer.deliver(...inPartition("p0", 1));
    await clock.settle();
    let gone = false;
    const revoking = consumer.hooks.revoking(["p0"]).then(() => {
      gone = true;
    });
    hands.end(1);
    await clock.settle();
    expect(gone).toBe(false);
    answer.open();
    await revoking;
  });

  it("do not go while a settlement that failed is to be tried again, whatever else is settled meanwhile", async () => {
    let calls = 0;
    const { hands, consumer, clock } = await consuming({
      settle: () => {
        if (++calls <= 2) throw new VendorError("TIMEOUT");
        return undefined;
      },
    });
    consumer.deliver(...inPartition("p0", 1), ...inPartition("p1", 11));
    await clock.settle();
    const order: string[] = [];
    const revoking = consumer.hooks.revoking(["p0"]).then(() => order.push(`gone after ${calls} calls`));
    hands.end(1);
    await clock.settle();
    hands.end(11);
    await clock.pass(1_000);
    await revoking;
    expect(order).toEqual(["gone after 3 calls"]);
    expect(consumer.settlements.at(-1)).toHaveLength(2);
  });

  it("take what still arrives of them away unseen, and are new when they come back", async () => {
    const { hands, consumer, clock } = await consuming();
    consumer.deliver(...inPartition("p0", 1));
    await clock.settle();
    const revoking = consumer.hooks.revoking(["p0"]);
    consumer.deliver(...inPartition("p0", 2));
    await clock.settle();
    hands.end(1);
    await revoking;
    expect(hands.began).toEqual(["1"]);
    // Until they are gone: what is on its way would be acked past what was left.
    consumer.deliver(...inPartition("p0", 2));
    await clock.settle();
    expect(hands.began).toEqual(["1"]);
    consumer.hooks.revoked(["p0"]);
    consumer.deliver(...inPartition("p0", 2));
    await clock.settle();
    expect(hands.began).toEqual(["1", "2"]);
  });

  it("of which nothing had arrived take what was on its way all the same", async () => {
    const { hands, consumer, clock } = await consuming();
    consumer.deliver(...inPartition("p0", 1));
    await consumer.hooks.revoking(["p0"]);
    await clock.settle();
    consumer.hooks.revoked(["p0"]);
    expect(hands.began).toEqual([]);
  });

  it("that nobody knows are gone at once", async () => {
    const { consumer } = await consuming();
    await consumer.hooks.revoking(["never seen"]);
    consumer.hooks.revoked(["never seen"]);
  });

  it("drop a keyed message that fails only now as well", async () => {
    const { hands, consumer, clock } = await consuming({}, { contract: Keyed });
    consumer.deliver(delivery(1, { partition: "p0", key: "a" }));
    await clock.settle();
    const revoking = consumer.hooks.revoking(["p0"]);
    hands.fail(1);
    await revoking;
    await clock.pass(60_000);
    expect(hands.began).toEqual(["1"]);
    expect(consumer.settled).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("go with what is to be known of retries that waited in them, and of no others", async () => {
    const { hands, consumer, clock, subscription } = await consuming({}, { contract: Keyed });
    const [one, two, other] = ["a", "b", "c"].map((key, n) =>
      delivery(n, { key, partition: key === "c" ? "p1" : "p0" }),
    );
    consumer.deliver(...([one, two, other] as ReceivedMessage[]));
    await clock.settle();
    hands.fail(0);
    hands.fail(2);
    await clock.settle();
    const revoking = consumer.hooks.revoking(["p0"]);
    hands.fail(1);
    const left = await revoking;
    expect([...(left?.delayed ?? [])].map(([{ id }, { redeliveries }]) => [id, redeliveries])).toEqual([
      [one?.id, 1],
      [two?.id, 1],
    ]);
    expect([...(left?.delayed.values() ?? [])].every(({ delayMs }) => delayMs > 0)).toBe(true);
    expect((await consumer.hooks.revoking(["p0"]))?.delayed.size).toBe(0);
    await subscription.close();
    expect([...(consumer.closedWith?.delayed.keys() ?? [])]).toEqual([other]);
  });

  it("let a key's messages of other partitions go on", async () => {
    const { hands, consumer, clock } = await consuming({}, { contract: Keyed });
    consumer.deliver(delivery(1, { partition: "p0", key: "a" }), delivery(2, { partition: "p1", key: "a" }));
    await clock.settle();
    hands.fail(1);
    await clock.settle();
    await consumer.hooks.revoking(["p0"]);
    await clock.settle();
    expect(hands.began).toEqual(["1", "2"]);
  });

  it("drop a keyed message that waits for its next attempt: it comes again elsewhere", async () => {
    const { hands, consumer, clock } = await consuming({}, { contract: Keyed });
    consumer.deliver(delivery(1, { partition: "p0", key: "a" }), delivery(2, { partition: "p0", key: "a" }));
    await clock.settle();
    hands.fail(1);
    await clock.settle();
    await consumer.hooks.revoking(["p0"]);
    await clock.pass(60_000);
    expect(hands.began).toEqual(["1"]);
    expect(consumer.settled).toEqual([]);
  });
});

describe("partitions that are gone", () => {
  it("have their running handlers told; their late settlements are reported and reach nobody", async () => {
    const { hands, consumer, clock, errors } = await consuming();
    consumer.deliver(...inPartition("p0", 1, 2), ...inPartition("p1", 11));
    await clock.settle();
    const { signal } = hands.delivery(1);
    const other = hands.delivery(11).signal;
    consumer.hooks.revoked(["p0"]);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: "LEASE_LOST" });
    expect(other.aborted).toBe(false);
    hands.end(1, 2, 11);
    await clock.settle();
    expect(errors.map(({ code }) => code)).toEqual(["LEASE_LOST", "LEASE_LOST"]);
    expect(consumer.settled).toEqual(["ack 11"]);
  });

  it("have no dead-lettered messages made of a message whose handler fails too late", async () => {
    const { hands, consumer, clock, driver, errors, subscription } = await consuming();
    consumer.deliver(delivery(1, { partition: "p0", redeliveries: 4 }));
    await clock.settle();
    consumer.hooks.revoked(["p0"]);
    hands.fail(1);
    await clock.settle();
    expect(driver.published).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["LEASE_LOST"]);
    expect(subscription.held).toBe(0);
  });

  it("have a dead-lettered message that cannot be stored tried no further, and nothing of it held", async () => {
    const { hands, consumer, clock, driver, subscription } = await consuming({
      publish: (batch) => batch.map(() => ({ ok: false, cause: new VendorError("PERMISSION_DENIED") })),
    });
    consumer.deliver(delivery(1, { partition: "p0", redeliveries: 4 }));
    await clock.settle();
    hands.fail(1);
    await clock.pass(5_000);
    consumer.hooks.revoked(["p0"]);
    await clock.pass(60_000);
    const tries = driver.published.length;
    await clock.pass(600_000);
    expect(driver.published).toHaveLength(tries);
    expect(subscription.held).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("have no watermark told that was still on its way", async () => {
    let calls = 0;
    const answer = gate();
    const { hands, consumer, clock } = await consuming({
      settle: () => (++calls === 1 ? answer.opened.then(() => undefined) : undefined),
    });
    consumer.deliver(...inPartition("p0", 1), ...inPartition("p1", 11));
    await clock.settle();
    hands.end(11);
    await clock.settle();
    hands.end(1);
    await clock.settle();
    consumer.hooks.revoked(["p0"]);
    answer.open();
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 11"]);
  });

  it("where each delivery is settled on its own, have none settled that was still on its way", async () => {
    let calls = 0;
    const answer = gate();
    const { hands, consumer, clock, errors } = await begin(
      { settle: () => (++calls === 1 ? answer.opened.then(() => undefined) : undefined) },
      {},
    );
    consumer.deliver(...inPartition("a", 1), ...inPartition("b", 2));
    await clock.settle();
    hands.end(2);
    await clock.settle();
    hands.end(1);
    await clock.settle();
    consumer.hooks.revoked(["a"]);
    answer.open();
    await clock.settle();
    expect(consumer.settled).toEqual(["ack 2"]);
    expect(errors).toMatchObject([{ code: "LEASE_LOST", details: { partition: "a" } }]);
  });

  it("do not wait for a handler that hangs", async () => {
    const bench = await connected({ capabilities: cumulative });
    await bench.client.consume(Jobs, () => never);
    const consumer = bench.driver.consumer();
    consumer.deliver(...inPartition("p0", 1));
    await bench.clock.settle();
    const revoking = consumer.hooks.revoking(["p0"]);
    consumer.hooks.revoked(["p0"]);
    consumer.deliver(...inPartition("p1", 2));
    await bench.clock.settle();
    expect(bench.client.health().subscriptions[0]?.running).toBe(2);
    void revoking;
  });
});

describe("partitions as many as keys, each delivery settled on its own", () => {
  it("are forgotten when nothing of them is left", async () => {
    const asked = vi.spyOn(ConsumerSession.prototype, "partition");
    const { hands, consumer, clock } = await begin({}, {});
    for (let n = 1; n <= 50; n++) consumer.deliver(delivery(n, { partition: `key ${n}` }));
    await clock.settle();
    const session = asked.mock.contexts[0] as ConsumerSession;
    asked.mockRestore();
    const names = () => [...session.partitions].map(({ name }) => name);
    expect(names()).toHaveLength(50);
    for (let n = 1; n < 50; n++) hands.end(n);
    await clock.settle();
    expect(names()).toEqual(["key 50"]);
  });

  it("are waited for while a handler runs on whose message is settled", async () => {
    const { hands, consumer, clock } = await begin({}, {});
    consumer.deliver(delivery(1, { partition: "key" }));
    await clock.settle();
    await hands.delivery(1).ack();
    let gone = false;
    const revoking = consumer.hooks.revoking(["key"]).then(() => {
      gone = true;
    });
    await clock.settle();
    expect(gone).toBe(false);
    hands.end(1);
    await revoking;
  });
});
