import { describe, expect, it } from "vitest";
import {
  circuitBreaker,
  NonRetryableError,
  PostponedError,
  queue,
  ReplyError,
  timeout,
} from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { connected, delivery, never, values, type Workbench } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => "k" });
const down = () => {
  throw new Error("down");
};

describe("timeout", () => {
  it("fails an attempt that takes longer as HANDLER_TIMEOUT, aborts its signal, and leaves no timer", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(Jobs, { use: [timeout(1_000)], retry: { backoff: () => 5 } }, handler.handler);
    const timers = clock.timers;
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    handler.end(2);
    await clock.pass(1_000);
    expect(driver.consumer().settled).toEqual(["ack 2", "retry 1 after 5"]);
    expect(handler.delivery(1).signal).toMatchObject({ aborted: true, reason: { code: "HANDLER_TIMEOUT" } });
    handler.end(1);
    await clock.pass(2_000);
    expect(driver.consumer().settled).toHaveLength(2);
    expect(clock.timers).toBe(timers);
  });

  it("lets what goes on after it neither exceed the concurrency nor share its key's turn", async () => {
    const { client, driver, clock, errors } = await connected();
    for (const jobs of [Jobs, Keyed]) {
      let running = 0;
      let most = 0;
      const retry = { maxAttempts: 3, backoff: () => 1 };
      await client.consume(jobs, { concurrency: 2, use: [timeout(10)], retry }, async () => {
        most = Math.max(most, ++running);
        await never;
      });
      for (let n = 0; n < 30; n++) driver.consumer().deliver(delivery(n, { key: "k" }));
      await clock.pass(10_000);
      expect(most).toBe(jobs === Keyed ? 1 : 2);
    }
    expect(errors.map(({ code }) => code)).toContain("HANDLER_FAILED");
  });

  it("leaves no timer behind that outlives its subscription, nor one of a handler that throws at once", async () => {
    const { client, driver, clock } = await connected();
    const subscription = await client.consume(Jobs, { use: [timeout(60_000)] }, () => never);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = subscription.close({ timeoutMs: 10 });
    await clock.pass(10);
    await closing;
    const throws = () => {
      throw new Error("at once");
    };
    const use = [timeout(60_000), throws];
    const other = await client.consume(Keyed, { use, retry: { maxAttempts: 1 } }, () => {});
    driver.consumer().deliver(delivery(2, { key: "k" }));
    await clock.settle();
    await other.close();
    expect(clock.timers).toBe(0);
  });

  it("may be longer than a timer of the runtime can be", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { use: [timeout(30 * 24 * 3_600_000)] }, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });
});

describe("circuitBreaker", () => {
  it("pauses after failures in a row, tries one alone, and goes on when that ends well", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const use = [circuitBreaker({ failureThreshold: 2, pauseMs: 1_000 })];
    const options = { use, concurrency: 1, retry: { maxAttempts: 1 }, deadLetter: "discard" } as const;
    const subscription = await client.consume(Jobs, options, handler.handler);
    driver.consumer().deliver(...[1, 2, 3, 4].map((n) => delivery(n)));
    await clock.settle();
    handler.fail(1);
    await clock.settle();
    handler.fail(2);
    await clock.settle();
    expect(subscription.state).toBe("paused");
    await clock.pass(1_000);
    expect(handler.began).toEqual(["1", "2", "3"]);
    handler.fail(3);
    await clock.settle();
    expect(subscription.state).toBe("paused");
    await clock.pass(1_000);
    // The trial costs no attempt: it comes again, though one attempt is all there is.
    handler.end(...[3, 4].filter((value) => handler.isRunning(value)));
    await clock.pass(1_000);
    handler.end(...[3, 4].filter((value) => handler.isRunning(value)));
    await clock.settle();
    expect(subscription.state).toBe("running");
    expect(driver.consumer().settled.sort()).toEqual(["ack 1", "ack 2", "ack 3", "ack 4"]);
  });

  it("uses up no attempts however long the outage", async () => {
    const { client, driver, clock } = await connected();
    const retry = { maxAttempts: 5, backoff: () => 1 };
    for (const jobs of [Jobs, Keyed]) {
      const use = [circuitBreaker({ failureThreshold: 5, pauseMs: 100 })];
      await client.consume(jobs, { use, retry }, down);
      for (let n = 0; n < 20; n++) driver.consumer().deliver(delivery(n, { key: String(n) }));
      await clock.pass(1_500);
      expect(values(driver.sent(`${jobs.name}..dead`))).toEqual([]);
    }
  });

  it("leaves an operator's pause alone, and no timer behind", async () => {
    const { client, driver, clock } = await connected();
    const use = [circuitBreaker({ failureThreshold: 1, pauseMs: 300 })];
    let calls = 0;
    const subscription = await client.consume(Jobs, { use, concurrency: 1 }, () => {
      calls++;
      down();
    });
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    subscription.pause();
    await clock.pass(1_000);
    expect(subscription.state).toBe("paused");
    expect(calls).toBe(1);
    subscription.resume();
    await clock.settle();
    expect(calls).toBe(2);
    await client.close();
    expect(clock.timers).toBe(0);
  });

  it("with `pauseMs: Infinity` tries nothing any more: the rest waits, and goes back when it closes", async () => {
    for (const jobs of [Jobs, Keyed]) {
      const { client, driver, clock, errors } = await connected();
      const use = [circuitBreaker({ failureThreshold: 1, pauseMs: Number.POSITIVE_INFINITY })];
      let calls = 0;
      const options = { use, concurrency: 1, retry: { maxAttempts: 1 } } as const;
      const subscription = await client.consume(jobs, options, () => {
        calls++;
        down();
      });
      for (let n = 1; n <= 5; n++) driver.consumer().deliver(delivery(n, { key: String(n) }));
      await clock.pass(365 * 24 * 3_600_000);
      expect(calls).toBe(1);
      expect(subscription.state).toBe("paused");
      expect(errors.filter(({ code }) => code === "POSTPONED")).toHaveLength(1);
      await client.close();
      expect(driver.consumer().settled).toEqual(["ack 1"]);
      expect(values(driver.sent(`${jobs.name}..dead`))).toEqual([1]);
      expect(driver.consumer().startedAtClose).toEqual([]);
      expect(clock.timers).toBe(0);
    }
  });

  it("with `pauseMs: Infinity` lets a handler that fails later wait too, and close ends its wait", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const use = [circuitBreaker({ failureThreshold: 1, pauseMs: Number.POSITIVE_INFINITY })];
    await client.consume(Jobs, { use, concurrency: 2, retry: { maxAttempts: 1 } }, handler.handler);
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    handler.fail(1);
    await clock.settle();
    handler.fail(2);
    await clock.pass(365 * 24 * 3_600_000);
    expect(handler.began).toEqual(["1", "2"]);
    expect(values(driver.sent("jobs..dead"))).toEqual([1]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    await client.close();
    expect(clock.timers).toBe(0);
  });

  it("of a client is one for each subscription", async () => {
    const { client, driver, clock } = await connected(
      {},
      { middleware: { handle: [circuitBreaker({ failureThreshold: 1 })] } },
    );
    await client.consume(Jobs, down);
    const seen: number[] = [];
    await client.consume(queue<number>("healthy"), (value) => void seen.push(value));
    driver.consumer("jobs").deliver(delivery(1));
    await clock.settle();
    driver.consumer("healthy").deliver(delivery(2));
    await clock.settle();
    expect(seen).toEqual([2]);
  });

  it("takes an `isFailure` that answers with a promise for one that says yes", async () => {
    const { client, driver, clock } = await connected();
    const isFailure = (() => Promise.reject(new Error("no"))) as never;
    const handler = new ManualHandler();
    const use = [circuitBreaker({ failureThreshold: 1, isFailure, pauseMs: 1_000 })];
    await client.consume(Jobs, { use, concurrency: 1, retry: { backoff: () => 5 } }, handler.handler);
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    handler.fail(1);
    await clock.settle();
    expect(handler.began).toEqual(["1"]);
  });

  it("pauses nothing for errors that do not count", async () => {
    const { client, driver, clock } = await connected();
    const use = [circuitBreaker({ failureThreshold: 1, isFailure: () => false })];
    const subscription = await client.consume(Jobs, { use, retry: { backoff: () => 5 } }, down);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(subscription.state).toBe("running");
  });
});

describe("a circuit breaker and messages that are wrong", () => {
  it("by default does not open for errors that speak of the message, nor for what its handler put off", async () => {
    const said = [
      () => new NonRetryableError("no such order"),
      () => new PostponedError("not now", { delayMs: 60_000 }),
      () => new ReplyError("NO_STOCK", "sold out"),
    ];
    for (const error of said) {
      const { client, driver, clock, errors } = await connected();
      const use = [circuitBreaker({ failureThreshold: 2 })];
      const subscription = await client.consume(Jobs, { use, retry: { backoff: () => 60_000 } }, () => {
        throw error();
      });
      for (let n = 0; n < 12; n++) driver.consumer().deliver(delivery(n));
      await clock.pass(1_000);
      expect(subscription.state).toBe("running");
      expect(errors.map(({ code }) => code)).not.toContain("POSTPONED");
      const isFinal = error() instanceof NonRetryableError;
      expect(values(driver.sent("jobs..dead"))).toHaveLength(isFinal ? 12 : 0);
    }
  });

  it("lets one message that fails alone use up its attempts, also those beyond the threshold", async () => {
    const { client, driver, clock } = await connected();
    const use = [circuitBreaker({ failureThreshold: 3, pauseMs: 100 })];
    let calls = 0;
    await client.consume(Keyed, { use, retry: { maxAttempts: 8, backoff: () => 1 } }, () => {
      calls++;
      down();
    });
    driver.consumer().deliver(delivery(1, { key: "k" }));
    await clock.pass(5_000);
    expect(calls).toBe(8);
    expect(values(driver.sent("keyed..dead"))).toEqual([1]);
  });

  it("tries the others too when those that opened it fail again, and closes with the first that succeeds", async () => {
    const { client, driver, clock } = await connected();
    const use = [circuitBreaker({ failureThreshold: 3, pauseMs: 100 })];
    const seen: number[] = [];
    let failing = 0;
    await client.consume(
      Keyed,
      { use, concurrency: 5, retry: { maxAttempts: 6, backoff: () => 1 } },
      async (value) => {
        if (value > 0) return void seen.push(value);
        failing++;
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, 20));
        down();
      },
    );
    for (const n of [-1, -2]) driver.consumer().deliver(delivery(n, { key: String(n) }));
    while (failing < 5) await clock.pass(5);
    // Begun while one is tried, they wait for how that ends.
    for (const n of [1, 2]) driver.consumer().deliver(delivery(n, { key: String(n) }));
    await clock.pass(3_000);
    expect(seen).toEqual([1, 2]);
  });

  it("tells once that it opened, with the failure, however often it is tried", async () => {
    const { client, driver, clock, errors } = await connected();
    const use = [circuitBreaker({ failureThreshold: 2, pauseMs: 100 })];
    await client.consume(Jobs, { use, retry: { backoff: () => 1 } }, down);
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.pass(2_000);
    expect(errors).toMatchObject([{ code: "POSTPONED", cause: { message: "down" } }]);
    expect(errors[0]?.message).toContain('"jobs"');
  });

  it("that opens while its subscription closes leaves no timer behind", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const use = [circuitBreaker({ failureThreshold: 1, pauseMs: 60_000 })];
    await client.consume(Jobs, { use }, handler.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close();
    await clock.settle();
    handler.fail(1);
    await clock.settle();
    await closing;
    expect(clock.timers).toBe(0);
  });

  it("moves `since` when it opens and when it tries again", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const use = [circuitBreaker({ failureThreshold: 1, pauseMs: 1_000 })];
    await client.consume(Jobs, { use, retry: { backoff: () => 60_000 } }, handler.handler);
    const [began] = client.health().subscriptions;
    driver.consumer().deliver(delivery(1));
    await clock.pass(500);
    handler.fail(1);
    await clock.settle();
    expect(client.health().subscriptions[0]).toMatchObject({
      state: "paused",
      since: (began?.since ?? 0) + 500,
    });
    await clock.pass(3_000);
    expect(client.health().subscriptions[0]).toMatchObject({
      state: "running",
      since: (began?.since ?? 0) + 1_500,
    });
  });
});

it("a message that its handler postpones comes again without having used an attempt", async () => {
  const { client, driver, clock } = await connected();
  const attempts: number[] = [];
  await client.consume(Jobs, { retry: { maxAttempts: 1 } }, (_value, { attempt }) => {
    attempts.push(attempt);
    if (attempts.length < 3) throw new PostponedError("not now", { delayMs: 1_000 });
  });
  driver.consumer().deliver(delivery(1));
  await clock.pass(5_000);
  expect(attempts).toEqual([1, 1, 1]);
  expect(driver.consumer().settled).toEqual(["ack 1"]);
});

it.each([Jobs, Keyed])(
  "what is put off for ever waits as long as may be, and uses no attempt ($name)",
  async (jobs) => {
    const { client, driver, clock } = await connected({
      capabilities: { features: { ordering: { how: "native" } } },
    });
    const times: number[] = [];
    await client.consume(jobs as typeof Jobs, { retry: { maxAttempts: 1 } }, () => {
      times.push(clock.monotonic());
      throw new PostponedError("not now", { delayMs: Number.POSITIVE_INFINITY });
    });
    driver.consumer().deliver(delivery(1, { key: "k" }));
    await clock.pass(2 * 86_400_000);
    expect(times).toEqual([0, 86_400_000, 2 * 86_400_000]);
    expect(driver.published).toEqual([]);
  },
);

it("what is put off for long waits on the broker as the same attempt, and leaves its place to others", async () => {
  const { client, driver, clock } = await connected();
  const began: number[] = [];
  const subscription = await client.consume(Jobs, { prefetch: 10 }, (value, { attempt }) => {
    began.push(value);
    if (attempt === 3) throw new PostponedError("not now", { delayMs: 60_000 });
  });
  const headers = { "waybill-attempt": "3", trace: "t" };
  driver.consumer().deliver(delivery(1, { headers, id: "m" }), delivery(2));
  await clock.pass(100);
  expect(began).toEqual([1, 2]);
  expect(subscription.held).toBe(0);
  expect(driver.sent("jobs")).toMatchObject([{ id: "m", delayMs: 60_000, headers }]);
  expect(driver.consumer().settled.sort()).toEqual(["ack 1", "ack 2"]);
});

it("as many put off in place as may be held are told of once", async () => {
  const { client, driver, clock, errors } = await connected({ capabilities: { features: {} } });
  const began: number[] = [];
  await client.consume(Jobs, { prefetchBytes: 10_000 }, (value) => {
    began.push(value);
    throw new PostponedError("not now", { delayMs: 60_000 });
  });
  driver.consumer().deliver(...Array.from({ length: 200 }, () => delivery("x".repeat(1_000))));
  await clock.pass(10);
  expect(began.length).toBeGreaterThanOrEqual(19);
  expect(began.length).toBeLessThan(200);
  expect(errors.map(({ code }) => code)).toEqual(["OVERLOADED"]);
});

describe("a message with a time to live that is put off", () => {
  const expires = (bench: Workbench, ms: number) => bench.clock.now() + ms;
  const deadLettered = (bench: Workbench) =>
    bench.driver.sent("jobs..dead").map(({ headers }) => headers["waybill-dead-error-message"]);

  it("is dead-lettered when it would expire before its next turn", async () => {
    const bench = await connected();
    let calls = 0;
    await bench.client.consume(Jobs, () => {
      calls++;
      throw new PostponedError("not now", { delayMs: 100 });
    });
    bench.driver.consumer().deliver(delivery(1, { expiresAt: expires(bench, 350) }));
    await bench.clock.pass(1_000);
    expect(calls).toBe(4);
    expect(deadLettered(bench)).toEqual(["not now"]);
    expect(bench.driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("is dead-lettered when it has expired before it had its turn again", async () => {
    const bench = await connected();
    let calls = 0;
    const subscription = await bench.client.consume(Jobs, () => {
      calls++;
      subscription.pause();
      throw new PostponedError("not now", { delayMs: 100 });
    });
    bench.driver.consumer().deliver(delivery(1, { expiresAt: expires(bench, 350) }));
    await bench.clock.pass(1_000);
    subscription.resume();
    await bench.clock.pass(10);
    expect(calls).toBe(1);
    expect(deadLettered(bench)).toEqual(["not now"]);
  });

  it("is dead-lettered when it expires behind an open circuit breaker", async () => {
    const bench = await connected();
    const breaker = circuitBreaker({ failureThreshold: 1, pauseMs: 500 });
    await bench.client.consume(Jobs, { use: [breaker] }, () => {
      throw new Error("down");
    });
    bench.driver.consumer().deliver(delivery(1), delivery(2, { expiresAt: expires(bench, 2_500) }));
    await bench.clock.pass(10_000);
    expect(values(bench.driver.sent("jobs..dead"))).toEqual([2]);
  });

  it("is dead-lettered when it expires after it waited on the broker", async () => {
    const bench = await connected();
    await bench.client.consume(Jobs, () => {
      throw new PostponedError("not now", { delayMs: 2_000 });
    });
    bench.driver.consumer().deliver(delivery(1, { expiresAt: expires(bench, 2_500) }));
    await bench.clock.pass(10);
    const { headers = {} } = bench.driver.sent("jobs")[0] ?? {};
    await bench.clock.pass(3_000);
    bench.driver.consumer().deliver(delivery(1, { headers }));
    await bench.clock.pass(10);
    expect(deadLettered(bench)).toHaveLength(1);
  });

  it("is dead-lettered where another process had put it off", async () => {
    const bench = await connected();
    await bench.client.consume(Jobs, () => {});
    bench.driver.consumer().deliver(delivery(1, { expiresAt: expires(bench, 350), waitMs: 400 }));
    await bench.clock.pass(1_000);
    expect(deadLettered(bench)).toEqual([
      expect.stringMatching(/^The message had failed or been put off, and expired before its next attempt\./),
    ]);
  });
});

it("a message that was postponed, and closes before its turn comes again, is handed back as one that nobody has seen", async () => {
  const { client, driver, clock } = await connected();
  const subscription = await client.consume(Jobs, () => {
    subscription.pause();
    throw new PostponedError("not now", { delayMs: 1_000 });
  });
  driver.consumer().deliver(delivery(1));
  await clock.pass(2_000);
  await subscription.close();
  expect(driver.consumer().closedWith?.started.size).toBe(0);
});
