import { describe, expect, it } from "vitest";
import { queue } from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { type Script, VendorError } from "./scripted-driver.ts";
import { connected, delivery, never, values } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => undefined });

const leased = (script: Script = {}) => connected({ capabilities: { lease: { ms: 3_000 } }, ...script });

describe("a lease", () => {
  it("is renewed every third of its length, for all that is held: running, waiting for its turn or its next attempt", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    await client.consume(Keyed, { concurrency: 2, retry: { backoff: () => 60_000 } }, hands.handler);
    driver
      .consumer()
      .deliver(delivery(1, { key: "a" }), delivery(2, { key: "b" }), delivery(3, { key: "c" }));
    await clock.settle();
    hands.fail(1);
    await clock.pass(2_500);
    expect(driver.consumer().extended.map(values)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it("is not renewed for what is settled, nor for nothing", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    hands.end(1);
    await clock.pass(1_000);
    hands.end(2);
    await clock.pass(5_000);
    expect(driver.consumer().extended.map(values)).toEqual([[2]]);
  });

  it("whose renewal fails is renewed again in time, and the failure is reported", async () => {
    let calls = 0;
    const { client, driver, clock, errors } = await leased({
      extend: () => {
        if (++calls === 1) throw new VendorError("TIMEOUT");
      },
    });
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.pass(2_000);
    expect(driver.consumer().extended).toHaveLength(2);
    expect(errors.map(({ code }) => code)).toEqual(["TIMEOUT"]);
  });

  it("is renewed in time though an earlier renewal was never answered", async () => {
    let calls = 0;
    const { client, driver, clock, errors } = await leased({
      extend: () => (++calls === 1 ? never : undefined),
    });
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.pass(2_500);
    expect(driver.consumer().extended).toHaveLength(2);
    await clock.pass(2_000);
    expect(errors.map(({ code }) => code)).toEqual(["TIMEOUT"]);
    hands.end(1);
    await subscription.close();
    expect(clock.timers).toBe(0);
  });

  it("is renewed while the subscription drains, and no longer than that", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = subscription.close();
    await clock.pass(5_000);
    expect(driver.consumer().extended).toHaveLength(5);
    hands.end(1);
    await closing;
    expect(clock.timers).toBe(0);
  });

  it("is renewed for what was prefetched while the subscription drains, until it is handed back", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    const subscription = await client.consume(Keyed, { concurrency: 1 }, hands.handler);
    driver
      .consumer()
      .deliver(delivery(1, { key: "a" }), delivery(2, { key: "a" }), delivery(3, { key: "b" }));
    await clock.settle();
    const closing = subscription.close();
    await clock.pass(2_500);
    expect(driver.consumer().extended.map((batch) => values(batch).sort())).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    hands.end(1);
    await closing;
    expect(driver.consumer().startedAtClose).toEqual([]);
    expect(driver.consumer().closedWith?.delayed.size).toBe(0);
    expect(hands.began).toEqual(["1"]);
  });

  it("is renewed while a subscription drains for what arrives as it begins to, and not once the broker has that back", async () => {
    const { client, driver, clock } = await leased({
      extend: (batch) => batch.filter((each) => values([each])[0] === 2),
    });
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 1 }, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    driver.consumer().deliver(delivery(2), delivery(3));
    const closing = subscription.close();
    await clock.pass(2_500);
    expect(driver.consumer().extended.map((batch) => values(batch).sort())).toEqual([
      [1, 2, 3],
      [1, 3],
    ]);
    hands.end(1);
    await closing;
  });

  it("ends with its consumer", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    const [first] = driver.consumers;
    first?.deliver(delivery(1));
    await clock.settle();
    first?.fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(10_000);
    expect(first?.extended).toEqual([]);
  });
});

describe("a lease that the broker says is over", () => {
  /** At its first renewal, the broker has taken back what is named here. */
  const losing = (...lost: readonly number[]) => {
    let told = false;
    return leased({
      extend: (batch) => {
        if (told) return;
        told = true;
        return batch.filter((one) => lost.includes(values([one])[0] as number));
      },
    });
  };

  it("is renewed no more; its handler is told, and the late settlement is reported and reaches nobody", async () => {
    const { client, driver, clock, errors } = await losing(1);
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 2 }, hands.handler);
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    const { signal } = hands.delivery(1);
    expect(signal.aborted).toBe(false);
    await clock.pass(1_000);
    expect(signal.reason).toMatchObject({ code: "LEASE_LOST" });
    expect(hands.delivery(2).signal.aborted).toBe(false);
    await clock.pass(1_000);
    expect(driver.consumer().extended.map(values)).toEqual([[1, 2], [2]]);
    expect(await hands.delivery(1).ack()).toBe("lost");
    hands.end(1, 2);
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 2"]);
    expect(errors.map(({ code }) => code)).toEqual(["LEASE_LOST"]);
    expect(subscription.held).toBe(0);
  });

  it("starts no message that waited for its turn", async () => {
    const { client, driver, clock } = await losing(2);
    const hands = new ManualHandler();
    await client.consume(Jobs, { concurrency: 1 }, hands.handler);
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    await clock.pass(1_000);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "3"]);
  });

  it("takes along what follows under its key, and nothing that came before it", async () => {
    const { client, driver, clock } = await losing(2);
    const hands = new ManualHandler();
    await client.consume(Keyed, hands.handler);
    const keyed = [1, 2, 3].map((value) => delivery(value, { key: "a" }));
    driver.consumer().deliver(...keyed, delivery(11, { key: "b" }));
    await clock.pass(1_000);
    expect(hands.delivery(1).signal.aborted).toBe(false);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "11"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("is no news of a message whose settlement is on its way", async () => {
    const { client, driver, clock, errors } = await leased({
      extend: (batch) => batch,
      settle: () => new Promise((resolve) => void clock.setTimeout(() => resolve(["settled"]), 5_000)),
    });
    const hands = new ManualHandler();
    await client.consume(Keyed, { concurrency: 2 }, hands.handler);
    driver.consumer().deliver(delivery(1, { key: "a" }));
    await clock.settle();
    const acked = hands.delivery(1).ack();
    await clock.pass(2_000);
    expect(hands.delivery(1).signal.aborted).toBe(false);
    await clock.pass(4_000);
    expect(await acked).toBe("settled");
    expect(errors).toEqual([]);
  });
});

describe("a message held for `maxLeaseMs`", () => {
  it("is renewed no more; its handler is told, and the late settlement is reported and reaches nobody", async () => {
    const { client, driver, clock, errors } = await leased();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { maxLeaseMs: 4_000 }, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const { signal } = hands.delivery(1);
    await clock.pass(3_999);
    expect(signal.aborted).toBe(false);
    await clock.pass(1_001);
    expect(signal.reason).toMatchObject({ code: "LEASE_LOST" });
    await clock.pass(10_000);
    expect(driver.consumer().extended).toHaveLength(3);
    hands.end(1);
    await clock.settle();
    expect(driver.consumer().settled).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["LEASE_LOST"]);
    expect(subscription.held).toBe(0);
  });

  it("takes those of its key with it, so that none overtakes it", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    await client.consume(Keyed, { maxLeaseMs: 4_000 }, hands.handler);
    const [first, second] = [delivery(1, { key: "a" }), delivery(2, { key: "a" })];
    driver.consumer().deliver(first);
    await clock.pass(2_000);
    driver.consumer().deliver(second, delivery(11, { key: "b" }));
    await clock.pass(3_000);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "11"]);
    driver.consumer().deliver({ ...first, redeliveries: 1 }, second);
    await clock.settle();
    expect(hands.began).toEqual(["1", "11", "1#2"]);
  });

  it("keeps what comes later of its key waiting until it and what went with it have come again", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    await client.consume(Keyed, { maxLeaseMs: 4_000 }, hands.handler);
    const [first, second] = [delivery(1, { key: "a" }), delivery(2, { key: "a" })];
    driver.consumer().deliver(first, second);
    await clock.pass(5_000);
    hands.end(1);
    driver.consumer().deliver(delivery(3, { key: "a" }), delivery(11, { key: "b" }));
    await clock.pass(2_000);
    expect(hands.began).toEqual(["1", "11"]);
    driver.consumer().deliver({ ...second, redeliveries: 1 });
    await clock.settle();
    driver.consumer().deliver({ ...first, redeliveries: 1 });
    await clock.settle();
    expect(hands.began).toEqual(["1", "11", "1#2"]);
    hands.end(1);
    await clock.settle();
    hands.end(2);
    await clock.settle();
    expect(hands.began).toEqual(["1", "11", "1#2", "2", "3"]);
  });

  it("is waited for no longer once more has been asked for after the time in which it comes again", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    await client.consume(Keyed, { maxLeaseMs: 4_000 }, hands.handler);
    driver.consumer().deliver(delivery(1, { key: "a" }));
    await clock.pass(5_000);
    hands.end(1);
    driver.consumer().deliver(delivery(2, { key: "a" }), delivery(3, { key: "a" }));
    await clock.pass(60_000);
    expect(hands.began).toEqual(["1"]);
    // What answers now was asked before.
    driver.consumer().deliver(delivery(11, { key: "b" }));
    await clock.settle();
    driver.consumer().deliver(delivery(12, { key: "c" }));
    await clock.settle();
    expect(hands.began).toEqual(["1", "11", "12", "2"]);
    hands.end(2);
    await clock.settle();
    expect(hands.began.at(-1)).toBe("3");
  });

  it("is waited for no longer where its consumer has come to an end: the next one begins with it", async () => {
    const { client, driver, clock } = await leased();
    const hands = new ManualHandler();
    await client.consume(Keyed, { maxLeaseMs: 4_000 }, hands.handler);
    driver.consumer().deliver(delivery(1, { key: "a" }));
    await clock.pass(5_000);
    hands.end(1);
    driver.consumer().deliver(delivery(2, { key: "a" }));
    await clock.settle();
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(10_000);
    driver.consumer().deliver(delivery(3, { key: "a" }));
    await clock.settle();
    expect(hands.began).toEqual(["1", "3"]);
  });

  it("is refused when it makes no sense", async () => {
    const { client } = await leased();
    for (const maxLeaseMs of [0, -1, Number.NaN]) {
      await expect(client.consume(Jobs, { maxLeaseMs }, () => {})).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
  });
});
