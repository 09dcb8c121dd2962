import { describe, expect, it } from "vitest";
import { type MessagingError, queue, topic } from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, gate, never } from "./workbench.ts";

const Jobs = queue<number>("jobs");

/** What a driver does that waits in vain and heeds its signal. */
const untilFired = (signal: AbortSignal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new VendorError("TIMEOUT"))));

describe("a subscription", () => {
  it("has made what it consumes before it begins", async () => {
    const { client, driver } = await connected();
    await client.subscribe(
      topic("orders", { retained: true }),
      { group: "billing", start: "earliest" },
      () => {},
    );
    expect(driver.ensured).toMatchObject([
      { address: { kind: "group", name: "orders", group: "billing" }, start: { from: "earliest" } },
    ]);
    expect(driver.consumer().source).toMatchObject({ start: { from: "earliest" } });
  });

  it("that cannot begin yet is tried again for a while", async () => {
    let calls = 0;
    const { client, clock } = await connected({
      consume: () => {
        if (++calls < 4) throw new VendorError("UNREACHABLE");
      },
    });
    const consuming = client.consume(Jobs, () => {});
    await clock.pass(1_000);
    expect((await consuming).state).toBe("running");
    expect(clock.timers).toBe(0);
  });

  it("whose connection is lost tells its handlers at once: others may have their messages already", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const { signal } = hands.delivery(1);
    driver.connection.hooks.lost(new VendorError("CONNECTION_LOST"));
    expect(signal.reason).toMatchObject({ code: "LEASE_LOST" });
  });

  it("is given up after `connectTimeoutMs`, and leaves nothing behind", async () => {
    const { client, clock } = await connected(
      {
        consume: () => {
          throw new VendorError("UNREACHABLE");
        },
      },
      { connectTimeoutMs: 2_000 },
    );
    const failure = failureOf(client.consume(Jobs, () => {}));
    await clock.pass(2_200);
    expect((await failure)?.code).toBe("UNREACHABLE");
    expect(client.health().subscriptions).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("has its time to begin after what it consumes was made, however slowly", async () => {
    const made = gate();
    const begun = gate();
    const { client, driver, clock } = await connected(
      { ensure: () => made.opened, consume: () => begun.opened },
      { connectTimeoutMs: 2_000 },
    );
    const subscribing = client.consume(Jobs, () => {});
    await clock.pass(3_000);
    made.open();
    await clock.pass(1_500);
    expect(driver.consumer().call.signal.aborted).toBe(false);
    begun.open();
    expect((await subscribing).state).toBe("running");
  });

  it("is given up as well while the broker is away", async () => {
    const { client, driver, clock } = await connected(
      {
        connect: (attempt) => {
          if (attempt > 1) throw new VendorError("UNREACHABLE");
        },
      },
      { connectTimeoutMs: 2_000 },
    );
    driver.connection.hooks.lost(new Error("gone"));
    const failure = failureOf(client.consume(Jobs, () => {}));
    await clock.pass(2_000);
    expect((await failure)?.code).toBe("UNREACHABLE");
  });

  it("that is refused for good fails at once", async () => {
    const { client } = await connected({
      consume: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
    });
    expect((await failureOf(client.consume(Jobs, () => {})))?.code).toBe("PERMISSION_DENIED");
  });

  it("can be aborted while the broker is still asked", async () => {
    const { client, clock } = await connected({ consume: ({ call }) => untilFired(call.signal) });
    const abort = new AbortController();
    const failure = failureOf(client.consume(Jobs, { signal: abort.signal }, () => {}));
    await clock.settle();
    abort.abort("enough");
    expect(await failure).toMatchObject({ code: "ABORTED", cause: "enough" });
    expect(client.health().subscriptions).toEqual([]);
  });

  it("can be aborted though the driver does not heed its signal, and what it opens too late is closed", async () => {
    for (const hanging of ["ensure", "consume"]) {
      const late = gate();
      const script = { [hanging]: () => late.opened };
      const { client, driver, clock } = await connected(script);
      const abort = new AbortController();
      const failure = failureOf(client.consume(Jobs, { signal: abort.signal }, () => {}));
      await clock.settle();
      abort.abort("enough");
      expect((await failure)?.code).toBe("ABORTED");
      late.open();
      await clock.settle();
      expect(driver.consumers.filter(({ closed }) => closed === 0)).toEqual([]);
    }
  });

  it("does not wait for ever for a broker that does not answer", async () => {
    const { client, clock } = await connected(
      { consume: ({ call }) => untilFired(call.signal) },
      { connectTimeoutMs: 2_000 },
    );
    const failure = failureOf(client.consume(Jobs, () => {}));
    await clock.pass(5_000);
    expect(await failure).toBeDefined();
  });

  it("that is aborted while the broker is away says ABORTED", async () => {
    const { client, driver, clock } = await connected({
      connect: (attempt) => (attempt > 1 ? never : undefined),
    });
    driver.connection.hooks.lost(new Error("gone"));
    const abort = new AbortController();
    const failure = failureOf(client.consume(Jobs, { signal: abort.signal }, () => {}));
    await clock.settle();
    abort.abort("enough");
    await clock.settle();
    expect(await failure).toMatchObject({ code: "ABORTED", cause: "enough" });
  });

  it("that is closed while it begins leaves no consumer behind", async () => {
    const consumed = gate();
    const { client, driver, clock } = await connected({ consume: () => consumed.opened });
    const failure = failureOf(client.consume(Jobs, () => {}));
    await clock.settle();
    const closing = client.close();
    await clock.settle();
    consumed.open();
    await clock.pass(200);
    await closing;
    expect((await failure)?.code).toBe("CLOSED");
    expect(driver.consumer().closed).toBe(1);
  });

  it("closes when its signal fires", async () => {
    const { client, driver } = await connected();
    const abort = new AbortController();
    const subscription = await client.consume(Jobs, { signal: abort.signal }, () => {});
    abort.abort();
    expect(await subscription.ended).toBe(undefined);
    expect(subscription.state).toBe("closed");
    expect(driver.consumer().closed).toBe(1);
  });
});

describe("when a consumer cannot go on", () => {
  it("it is closed and another takes its place, whatever the cause", async () => {
    const { client, driver, clock, errors } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, hands.handler);
    driver.consumer().fail(new VendorError("PERMISSION_DENIED"));
    await clock.settle();
    expect(subscription.state).toBe("recovering");
    await clock.pass(1_000);
    expect(subscription.state).toBe("running");
    expect(driver.consumers.map(({ closed }) => closed)).toEqual([1, 0]);
    expect(errors.map(({ code }) => code)).toEqual(["PERMISSION_DENIED"]);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(hands.began).toEqual(["1"]);
  });

  it("what it had delivered is the broker's again: what waits is forgotten, what runs is told", async () => {
    const { client, driver, clock, errors } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 1 }, hands.handler);
    const [first] = driver.consumers;
    first?.deliver(delivery(1), delivery(2));
    await clock.settle();
    first?.fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(1_000);
    expect(hands.delivery(1).signal.reason).toMatchObject({ code: "LEASE_LOST" });
    expect(subscription.held).toBe(1);
    hands.end(1);
    await clock.settle();
    expect(subscription.held).toBe(0);
    expect(hands.began).toEqual(["1"]);
    expect(first?.settled).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["CONNECTION_LOST", "LEASE_LOST"]);
  });

  it("and again and again, the pauses grow until something was received", async () => {
    const times: number[] = [];
    const { client, driver, clock } = await connected(
      {
        consume: (consumer) => {
          times.push(clock.now());
          if (times.length > 1) consumer.fail(new VendorError("CONNECTION_LOST"));
        },
      },
      { reconnect: { initialMs: 100, maxMs: 1_000 } },
    );
    await client.consume(Jobs, () => {});
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(10_000);
    const pauses = times.slice(1).map((time, i) => time - (times[i] as number));
    expect(pauses[0]).toBeLessThanOrEqual(100);
    expect(pauses[5]).toBeGreaterThanOrEqual(500);
    expect(times.length).toBeLessThan(25);
  });

  it("after it had received again, the first pause is short again", async () => {
    const { client, driver, clock } = await connected({}, { reconnect: { initialMs: 100, maxMs: 60_000 } });
    const subscription = await client.consume(Jobs, () => {});
    for (let time = 0; time < 8; time++) {
      driver.consumer().deliver(delivery(time));
      await clock.settle();
      driver.consumer().fail(new VendorError("CONNECTION_LOST"));
      await clock.pass(100);
      expect(subscription.state).toBe("running");
    }
  });

  it("what it hands over as it ends is left to the broker", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1));
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    expect(hands.began).toEqual([]);
    expect(subscription.held).toBe(0);
  });

  it("and another is refused for good, the subscription has failed, and says so", async () => {
    let calls = 0;
    const { client, driver, clock, errors } = await connected({
      consume: () => {
        if (++calls > 1) throw new VendorError("PERMISSION_DENIED");
      },
    });
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, hands.handler);
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(1_000);
    const failure = (await subscription.ended) as MessagingError;
    expect(failure).toMatchObject({ code: "SUBSCRIPTION_FAILED", cause: { code: "PERMISSION_DENIED" } });
    expect(subscription.state).toBe("failed");
    expect(errors.at(-1)).toBe(failure);
    expect(client.health().subscriptions).toEqual([]);
    await subscription.close();
    expect(subscription.state).toBe("failed");
    expect(clock.timers).toBe(0);
  });

  it("what exists no more is made again before the next begins", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, () => {});
    driver.consumer().fail(new VendorError("NOT_FOUND"));
    await clock.pass(1_000);
    expect(driver.ensured).toHaveLength(2);
    expect(driver.consumers).toHaveLength(2);
  });

  it("and it cannot even be closed, another takes its place all the same", async () => {
    const { client, driver, clock } = await connected({ closeConsumer: () => never });
    const subscription = await client.consume(Jobs, () => {});
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(10_000);
    expect(subscription.state).toBe("running");
    expect(driver.consumers).toHaveLength(2);
  });
});

describe("when the connection is lost", () => {
  it("every subscription resumes by itself on the next one", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    await client.subscribe(topic("orders"), { group: "billing" }, hands.handler);
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    expect(client.health().subscriptions.map(({ state }) => state)).toEqual(["running", "running"]);
    driver.consumer("jobs").deliver(delivery(1));
    driver.consumer("orders").deliver(delivery(2));
    await clock.settle();
    expect(hands.began).toEqual(["1", "2"]);
  });

  it("while a subscription begins, it begins on the next one", async () => {
    const ensured = gate();
    let calls = 0;
    const { client, driver, clock } = await connected({
      ensure: () => (++calls === 1 ? ensured.opened : undefined),
    });
    const consuming = client.consume(Jobs, () => {});
    await clock.settle();
    driver.connection.hooks.lost(new Error("gone"));
    ensured.open();
    await clock.pass(1_000);
    await consuming;
    expect(driver.connections).toHaveLength(2);
    expect(driver.consumers).toHaveLength(1);
  });

  it("for a long time, nothing is asked of the broker but to connect", async () => {
    let down = false;
    const { client, driver, clock } = await connected({
      connect: () => {
        if (down) throw new VendorError("UNREACHABLE");
      },
    });
    const subscription = await client.consume(Jobs, () => {});
    down = true;
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(3_600_000);
    expect(subscription.state).toBe("recovering");
    down = false;
    await clock.pass(10_000);
    expect(subscription.state).toBe("running");
    expect(driver.ensured).toHaveLength(2);
  });

  it("a settlement that was on its way is lost, and said to be", async () => {
    const { client, driver, clock, errors } = await connected({ settle: () => never });
    const results: unknown[] = [];
    await client.consume(Jobs, async (value, delivery) => {
      if (value === 1) return;
      results.push(await delivery.ack());
    });
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    expect(results).toEqual(["lost"]);
    expect(errors.map(({ code }) => code)).toContain("LEASE_LOST");
  });
});
