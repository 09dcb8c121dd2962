import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { redeliveriesOf } from "../src/consuming/handed-back-marks.ts";
import { MessagingError, PostponedError, queue } from "../src/index.ts";
import type { CloseConsumerOptions } from "../src/spi/driver.ts";
import type { ReceivedMessage } from "../src/spi/message.ts";
import { ManualHandler } from "./manual-handler.ts";
import { connected, delivery, gate, never, values } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => "k" });
const lost = new MessagingError("CONNECTION_LOST", "gone");

describe("what its handler puts off in the very turn in which its connection is lost", () => {
  it("uses no attempt, and comes no earlier than it said", async () => {
    const { client, driver, clock } = await connected();
    const began: number[] = [];
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, async (_value, { attempt }) => {
      began.push(attempt);
      if (began.length > 1) return;
      driver.connection.hooks.lost(lost);
      throw new PostponedError("not now", { delayMs: 60_000 });
    });
    const message = delivery(1);
    driver.consumer().deliver(message);
    await clock.pass(10_000);
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.pass(40_000);
    expect(began).toEqual([1]);
    await clock.pass(20_000);
    expect(began).toEqual([1, 1]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("for ever, comes again after a day", async () => {
    const { client, driver, clock } = await connected();
    let calls = 0;
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, async () => {
      if (++calls > 1) return;
      driver.connection.hooks.lost(lost);
      throw new PostponedError("not now", { delayMs: Number.POSITIVE_INFINITY });
    });
    const message = delivery(1);
    driver.consumer().deliver(message);
    await clock.pass(10_000);
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.pass(86_000_000);
    expect(calls).toBe(1);
    await clock.pass(400_000);
    expect(calls).toBe(2);
  });

  it("uses none either where its handler says so once it is told", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(Jobs, { retry: { maxAttempts: 3 } }, handler.handler);
    const message = delivery(1);
    driver.consumer().deliver(message);
    await clock.settle();
    const first = handler.deliveries[0];
    const { promise: told, resolve } = Promise.withResolvers<void>();
    first?.signal.addEventListener("abort", () => resolve());
    driver.connection.hooks.lost(lost);
    await told;
    handler.fail(1, new PostponedError("not now", { delayMs: 60_000 }));
    await clock.pass(10_000);
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.pass(60_000);
    expect(handler.began).toEqual(["1", "1"]);
    handler.end(1);
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });
});

describe("what no handler has seen", () => {
  it("uses no attempt, however often its connection is lost", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(Jobs, { concurrency: 1, retry: { maxAttempts: 2 } }, handler.handler);
    const first = delivery(1);
    const second = delivery(2);
    for (let redeliveries = 0; redeliveries < 6; redeliveries++) {
      driver.consumer().deliver({ ...first, redeliveries }, { ...second, redeliveries });
      await clock.settle();
      handler.deliveries
        .at(-1)
        ?.signal.addEventListener("abort", () => handler.isRunning(1) && handler.end(1));
      driver.connection.hooks.lost(lost);
      await clock.pass(10_000);
    }
    // The first had its two attempts, then it was known that they are used up.
    expect(handler.began.slice(0, 2)).toEqual(["1", "1#2"]);
    expect(values(driver.sent("jobs..dead"))).toEqual([1]);
    // The second is handled for the first time.
    driver.consumer().deliver({ ...second, redeliveries: 6 });
    await clock.settle();
    expect(handler.began.at(-1)).toBe("2");
  });

  it("uses none either when its connection is lost while it is on its way into the process", async () => {
    const { client, driver, clock } = await connected();
    const attempts: number[] = [];
    await client.consume(Jobs, { retry: { maxAttempts: 2 } }, (_value, { attempt }) => {
      attempts.push(attempt);
    });
    const message = delivery(1);
    for (let redeliveries = 0; redeliveries < 4; redeliveries++) {
      // Only what it is waiting for can be on its way.
      await expect.poll(() => driver.consumer().asked).toBeGreaterThan(0);
      driver.consumer().deliver({ ...message, redeliveries });
      driver.connection.hooks.lost(lost);
      await clock.pass(10_000);
    }
    expect(attempts).toEqual([]);
    driver.consumer().deliver({ ...message, redeliveries: 4 });
    await clock.settle();
    expect(attempts).toEqual([1]);
  });

  it("uses none when its connection is lost before its middleware has called the handler, nor is it called then", async () => {
    const called: number[] = [];
    let goOn = gate();
    const { client, driver, clock } = await connected(
      {},
      {
        middleware: {
          handle: [
            async (_delivery, next) => {
              await goOn.opened;
              await next();
            },
          ],
        },
      },
    );
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, (_value, { attempt }) => {
      called.push(attempt);
    });
    const message = delivery(1);
    driver.consumer().deliver(message);
    await clock.settle();
    driver.connection.hooks.lost(lost);
    await clock.pass(10_000);
    goOn.open();
    await clock.settle();
    expect(called).toEqual([]);
    goOn = gate();
    goOn.open();
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.settle();
    expect(called).toEqual([1]);
    expect(driver.sent("jobs..dead")).toEqual([]);
  });

  it("is not handled after its subscription has closed, though its schema was still at it", async () => {
    const goOn = gate();
    const Checked = queue<number>("checked", {
      schema: {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: async (value) => {
            await goOn.opened;
            return { value: value as number };
          },
        },
      },
    });
    const { client, driver, clock } = await connected();
    const called: number[] = [];
    const subscription = await client.consume(Checked, (value) => void called.push(value));
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = subscription.close({ timeoutMs: 10 });
    await clock.pass(20_000);
    await closing;
    goOn.open();
    await clock.settle();
    expect(called).toEqual([]);
    expect(driver.consumer().startedAtClose).toEqual([]);
  });

  it("is no failure when it has expired, though the ack that passed it over was lost", async () => {
    const { client, driver, clock } = await connected({ settle: () => never });
    await client.consume(Jobs, () => {});
    const message = delivery(1, { expiresAt: clock.now() - 1 });
    driver.consumer().deliver(message);
    await clock.settle();
    driver.connection.hooks.lost(lost);
    await clock.pass(10_000);
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.settle();
    expect(driver.sent("jobs..dead")).toEqual([]);
  });

  it("is handed back as not started, and what was started as started", async () => {
    const { client, driver, clock } = await connected();
    const subscription = await client.consume(Jobs, { concurrency: 1 }, () => never);
    const [one, two] = [delivery(1), delivery(2)];
    driver.consumer().deliver(one, two);
    await clock.settle();
    const consumer = driver.consumer();
    const closing = subscription.close({ timeoutMs: 10 });
    await clock.pass(20_000);
    await closing;
    expect([...(consumer.closedWith?.started ?? [])].map(({ id }) => id)).toEqual([one.id]);
  });
});

describe("what a handler was at when its subscription closed", () => {
  const ended = [
    ["ends when it is told", (signal: AbortSignal) => signal],
    ["goes on all the same", () => undefined],
  ] as const;

  it.each(ended)("has used an attempt: one that %s", async (_title, heeded) => {
    const { client, driver, clock } = await connected();
    const attempts: number[] = [];
    const start = () =>
      client.consume(Jobs, { retry: { maxAttempts: 3 } }, (_value, { attempt, signal }) => {
        attempts.push(attempt);
        return new Promise<void>((_resolve, reject) =>
          heeded(signal)?.addEventListener("abort", () => reject(signal.reason)),
        );
      });
    const message = delivery(1);
    for (let redeliveries = 0; redeliveries < 2; redeliveries++) {
      const subscription = await start();
      driver.consumer().deliver({ ...message, redeliveries });
      await clock.settle();
      const consumer = driver.consumer();
      const closing = subscription.close({ timeoutMs: 10 });
      await clock.pass(20_000);
      await closing;
      expect([...(consumer.closedWith?.started ?? [])].map(({ id }) => id)).toEqual([message.id]);
    }
    // Even where the broker has counted nothing.
    await start();
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.settle();
    expect(attempts).toEqual([1, 2, 3]);
  });
});

describe("a message that waits for its next attempt", () => {
  it("keeps of its failure code and text, and nothing that hangs on it", async () => {
    const { client, driver, clock } = await connected();
    const freed = new FinalizationRegistry<string>((name) => gone.push(name));
    const gone: string[] = [];
    const subscription = await client.consume(Keyed, { retry: { backoff: () => 60_000 } }, () => {
      const error = Object.assign(new Error("no stock"), { response: "x".repeat(1_000) });
      freed.register(error, "the error");
      throw error;
    });
    driver.consumer().deliver(delivery(1, { key: "k" }));
    await clock.settle();
    await collected(() => gone.length > 0);
    expect(gone).toEqual(["the error"]);
    await subscription.close();
  });
});

describe("a message that a redrive brought back", () => {
  it("begins anew, though its retry went to another process and was given up there", async () => {
    const { client, driver, clock } = await connected();
    const attempts: number[] = [];
    await client.consume(Jobs, (_value, { attempt }) => {
      attempts.push(attempt);
      throw new Error("always");
    });
    const message = delivery(1);
    driver.consumer().deliver(message);
    await clock.settle();
    driver.consumer().deliver({ ...message, headers: { "waybill-redrive-run": "run" } });
    await clock.settle();
    expect(attempts).toEqual([1, 1]);
  });
});

describe("a keyed retry", () => {
  it("keeps its attempt and its backoff across an orderly close", async () => {
    const { client, driver, clock } = await connected();
    const attempts: number[] = [];
    const start = () =>
      client.consume(Keyed, { retry: { maxAttempts: 3, backoff: () => 60_000 } }, (_value, { attempt }) => {
        attempts.push(attempt);
        throw new Error("always");
      });
    const message = delivery(1, { key: "k" });
    for (let deployment = 0; deployment < 4; deployment++) {
      const subscription = await start();
      driver.consumer().deliver(message);
      await clock.pass(1_000);
      const consumer = driver.consumer();
      await subscription.close();
      const [delayed] = consumer.closedWith?.delayed.values() ?? [];
      expect(delayed?.redeliveries).toBe(1);
    }
    expect(attempts).toEqual([1]);
    await start();
    driver.consumer().deliver(message);
    await clock.pass(130_000);
    expect(attempts).toEqual([1, 2, 3]);
    expect(values(driver.sent("keyed..dead"))).toEqual([1]);
  });

  it("that fails while its subscription closes is told of as well", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const subscription = await client.consume(Keyed, { retry: { backoff: () => 60_000 } }, handler.handler);
    driver.consumer().deliver(delivery(1, { key: "k" }));
    await clock.settle();
    const closing = subscription.close();
    handler.fail(1);
    await closing;
    const { started, delayed } = driver.consumer().closedWith ?? {};
    expect([started?.size, [...(delayed?.values() ?? [])]]).toEqual([
      1,
      [{ delayMs: 60_000, redeliveries: 1 }],
    ]);
  });

  it("that was asked for by a handler which does not end keeps its backoff, and uses one attempt", async () => {
    const { client, driver, clock } = await connected();
    const called: number[] = [];
    const begin = () =>
      client.consume(Keyed, {}, async (_value, received) => {
        called.push(received.attempt);
        if (called.length > 1) return;
        expect(await received.retry({ delayMs: 60_000 })).toBe("settled");
        await never;
      });
    const subscription = await begin();
    const message = delivery(1, { key: "k" });
    driver.consumer().deliver(message);
    await clock.settle();
    const closing = subscription.close({ timeoutMs: 1_000 });
    await clock.pass(10_000);
    await closing;
    expect([...(driver.consumer().closedWith?.delayed.values() ?? [])]).toEqual([
      { delayMs: 60_000, redeliveries: 1 },
    ]);
    await begin();
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.pass(40_000);
    expect(called).toEqual([1]);
    await clock.pass(20_000);
    expect(called).toEqual([1, 2]);
  });

  it("tells the consumer that closes what it waited for", async () => {
    const { client, driver, clock } = await connected();
    const subscription = await client.consume(Keyed, { retry: { backoff: () => 60_000 } }, () => {
      throw new Error("always");
    });
    driver.consumer().deliver(delivery(1, { key: "k" }));
    await clock.pass(10_000);
    await subscription.close();
    const [[, delayed] = []] = driver.consumer().closedWith?.delayed ?? [];
    expect(delayed).toEqual({ delayMs: 50_000, redeliveries: 1 });
  });
});

describe("a keyed retry that waited elsewhere", () => {
  const ByCustomer = queue<string>("orders", { key: () => undefined });
  const waiting = (value: string, waitMs: number, redeliveries = 1) =>
    delivery(value, { key: value.slice(0, 1), redeliveries, waitMs });

  it("waits for what is left, and other keys go on", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(ByCustomer, {}, handler.handler);
    driver
      .consumer()
      .deliver(waiting("a1", 5_000, 2), delivery("a2", { key: "a" }), delivery("b", { key: "b" }));
    await clock.pass(4_900);
    expect(handler.began).toEqual(["b"]);
    await clock.pass(200);
    expect(handler.began).toEqual(["b", "a1#3"]);
    handler.end("a1");
    await clock.settle();
    expect(handler.began).toEqual(["b", "a1#3", "a2"]);
  });

  it("waits for what is left also when one of its key that is repeated goes before it", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(ByCustomer, {}, handler.handler);
    driver.consumer().deliver(delivery("a0", { key: "a" }), waiting("a1", 5_000));
    await clock.pass(1_000);
    handler.end("a0");
    await clock.pass(3_900);
    expect(handler.began).toEqual(["a0"]);
    await clock.pass(200);
    expect(handler.began).toEqual(["a0", "a1#2"]);
  });

  it("is handed on with what is left when this member closes as well, wherever it stands", async () => {
    const { client, driver, clock } = await connected();
    const subscription = await client.consume(ByCustomer, { concurrency: 1 }, () => never);
    driver.consumer().deliver(delivery("a0", { key: "a" }), waiting("a1", 60_000, 3), waiting("b", 50_000));
    await clock.pass(10_000);
    const closing = subscription.close({ timeoutMs: 10 });
    await clock.pass(20_000);
    await closing;
    expect([...(driver.consumer().closedWith?.delayed.values() ?? [])]).toEqual([
      { delayMs: expect.closeTo(50_000, -3), redeliveries: 3 },
      { delayMs: expect.closeTo(40_000, -3), redeliveries: 1 },
    ]);
  });

  it("waits as long as the application has asked for, however short the policy's own backoff", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const retry = { backoff: { initialMs: 100, maxMs: 1_000 } };
    await client.consume(ByCustomer, { retry }, handler.handler);
    driver.consumer().deliver(waiting("a", 4_000));
    await clock.pass(3_900);
    expect(handler.began).toEqual([]);
    await clock.pass(200);
    expect(handler.began).toEqual(["a#2"]);
  });

  it("waits no longer than an application may ask for, whatever a driver says", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(ByCustomer, {}, handler.handler);
    const odd = [Number.NaN, -1, "soon", null, Number.POSITIVE_INFINITY, Number.MAX_VALUE];
    driver.consumer().deliver(...odd.map((waitMs, n) => waiting(`${n}`, waitMs as number)));
    await clock.settle();
    expect(handler.began).toEqual(["0#2", "1#2", "2#2", "3#2"]);
    await clock.pass(24 * 60 * 60 * 1_000);
    expect(handler.began).toHaveLength(6);
  });

  it("whose wait is over keeps its attempt though no handler was free for it before the close", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    const subscription = await client.consume(
      ByCustomer,
      { concurrency: 1, retry: { backoff: () => 1_000 } },
      handler.handler,
    );
    driver.consumer().deliver(delivery("a", { key: "a" }), delivery("b", { key: "b" }));
    await clock.settle();
    handler.fail("a");
    await clock.pass(5_000);
    const closing = subscription.close({ timeoutMs: 10 });
    await clock.pass(20_000);
    await closing;
    expect(handler.began).toEqual(["a", "b"]);
    expect([...(driver.consumer().closedWith?.delayed.values() ?? [])]).toEqual([
      { delayMs: 0, redeliveries: 1 },
    ]);
  });
});

describe("a message whose count has reached the limit", () => {
  const suspicious = (value: number, redeliveries: number) => delivery(value, { redeliveries });

  it("is run alone, with nothing prefetched behind it", async () => {
    const closedWhenSettled: boolean[] = [];
    const settle = () => void closedWhenSettled.push(driver.consumers.every(({ closed }) => closed > 0));
    const { client, driver, clock } = await connected({ settle });
    const handler = new ManualHandler();
    await client.consume(Jobs, { concurrency: 5, retry: { maxAttempts: 3 } }, handler.handler);
    const first = driver.consumer();
    first.deliver(delivery(1), suspicious(2, 3), delivery(3));
    await clock.settle();
    // What ran already ends; nothing new is started.
    const running = handler.running;
    expect(handler.began).not.toContain("2#3");
    handler.end(...handler.deliveries.map(({ value }) => value));
    await clock.pass(10_000);
    expect(running).toBeLessThanOrEqual(1);
    expect(first.closed).toBe(1);
    const alone = driver.consumer();
    expect(alone.source.prefetch).toBe(1);
    alone.deliver(suspicious(2, 3));
    await clock.settle();
    expect(handler.began.at(-1)).toBe("2#3");
    expect(handler.running).toBe(1);
    handler.end(2);
    await clock.pass(10_000);
    expect(alone.settled).toEqual(["ack 2"]);
    expect(closedWhenSettled).not.toContain(true);
    expect(driver.sent("jobs..dead")).toEqual([]);
    // Back to many at a time.
    expect(driver.consumer().source.prefetch).toBe(100);
  });

  it("lets nothing start that comes while the rest is handed back", async () => {
    const settled = Promise.withResolvers<undefined>();
    const { client, driver, clock } = await connected({ settle: () => settled.promise });
    const handler = new ManualHandler();
    await client.consume(Keyed, { retry: { maxAttempts: 3 } }, handler.handler);
    const first = driver.consumer();
    const keyed = (value: number, redeliveries = 0) => delivery(value, { key: "k", redeliveries });
    first.deliver(keyed(1), keyed(2, 3), keyed(3));
    await clock.settle();
    handler.end(1);
    await clock.settle();
    // The rest of what was under way when these were handed back.
    first.deliver(keyed(4), keyed(5));
    await clock.settle();
    expect(first.closed).toBe(0);
    expect(handler.began).toEqual(["1"]);
    settled.resolve(undefined);
    await clock.pass(10_000);
    expect(first.closed).toBe(1);
    expect(handler.began).toEqual(["1"]);
  });

  it("is handed back with the rest when it is put off, and keeps its wait", async () => {
    const { client, driver, clock } = await connected();
    const subscription = await client.consume(Jobs, { concurrency: 5, retry: { maxAttempts: 3 } }, () => {
      throw new PostponedError("later", { delayMs: 30_000 });
    });
    driver.consumer().deliver(suspicious(1, 3));
    await clock.pass(10_000);
    const alone = driver.consumer();
    alone.deliver(suspicious(1, 3));
    await clock.settle();
    expect([...(alone.closedWith?.delayed.values() ?? [])]).toMatchObject([{ delayMs: 30_000 }]);
    expect(subscription.held).toBe(0);
    await clock.pass(60_000);
  });

  it("is run alone also when it had to wait behind its key", async () => {
    const { client, driver, clock } = await connected();
    const handled: number[] = [];
    await client.consume(Keyed, { retry: { maxAttempts: 3 } }, (value) => void handled.push(value));
    const second = delivery(2, { key: "k", redeliveries: 3 });
    driver.consumer().deliver(delivery(1, { key: "k" }), second);
    await clock.pass(100);
    expect(handled).toEqual([1]);
    expect(driver.consumers).toHaveLength(2);
    driver.consumer().deliver(second);
    await clock.pass(100);
    expect(handled).toEqual([1, 2]);
  });

  it("that is put off while it runs alone is handed back, and comes again after its wait", async () => {
    const { client, driver, clock } = await connected();
    const attempts: number[] = [];
    await client.consume(Keyed, { retry: { maxAttempts: 3 } }, (_value, { attempt }) => {
      attempts.push(attempt);
      if (attempts.length === 1) throw new PostponedError("not now", { delayMs: 20_000 });
    });
    const message = delivery(1, { key: "k", redeliveries: 3 });
    driver.consumer().deliver(message);
    await clock.settle();
    const alone = driver.consumer();
    alone.deliver(message);
    await clock.pass(10_000);
    expect([...(alone.closedWith?.delayed.values() ?? [])]).toMatchObject([{ delayMs: 20_000 }]);
    driver.consumer().deliver(message);
    await clock.pass(9_000);
    expect(attempts).toEqual([3]);
    await clock.pass(12_000);
    expect(attempts).toEqual([3, 3]);
    expect(driver.consumers.flatMap(({ settled }) => settled)).toEqual(["ack 1"]);
  });

  it("is given up when its count is above that of all others, and they are not", async () => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    await client.consume(Jobs, { retry: { maxAttempts: 3 } }, (value) => void seen.push(value));
    driver.consumer().deliver(suspicious(1, 6), suspicious(2, 2), suspicious(3, 2));
    await clock.pass(20_000);
    expect(seen).toEqual([2, 3]);
    expect(values(driver.sent("jobs..dead"))).toEqual([1]);
    expect(driver.sent("jobs..dead")[0]?.headers["waybill-dead-attempts"]).toBe("3");
  });

  it("is one of many after ordinary kills: none is given up, and they are soon at full speed", async () => {
    const { client, driver, clock, errors } = await connected();
    const handler = new ManualHandler();
    await client.consume(
      Jobs,
      { concurrency: 100, prefetch: 200, retry: { maxAttempts: 5 } },
      handler.handler,
    );
    const all = Array.from({ length: 100 }, (_, n) => suspicious(n, 10));
    driver.consumer().deliver(...all);
    await clock.pass(5_000);
    driver.consumer().deliver(all[0] as (typeof all)[0]);
    await clock.settle();
    expect(handler.running).toBe(1);
    handler.end(0);
    await clock.pass(5_000);
    driver.consumer().deliver(...all.slice(1));
    for (let round = 0; round < 8; round++) {
      await clock.settle();
      handler.end(
        ...handler.deliveries.map(({ value }) => value).filter((value) => handler.isRunning(value)),
      );
    }
    await clock.settle();
    expect(handler.most).toBeGreaterThan(30);
    expect(handler.began).toHaveLength(100);
    expect(driver.sent("jobs..dead")).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("is not waited for by all that there is while another that came in its place takes long", async () => {
    const { client, driver, clock } = await connected({ growingPrefetch: true });
    const handler = new ManualHandler();
    await client.consume(Jobs, { concurrency: 50, retry: { maxAttempts: 3 } }, handler.handler);
    driver.consumer().deliver(suspicious(1, 3));
    await clock.pass(500);
    driver.consumer().deliver(delivery(2));
    await clock.pass(500);
    driver.consumer().deliver(delivery(3), delivery(4));
    expect(handler.began).toEqual(["2"]);
    await clock.pass(600);
    expect(handler.began).toEqual(["2", "3", "4"]);
    driver.consumer().deliver(suspicious(1, 3));
    await clock.pass(15_000);
    expect(handler.began.slice(3)).toEqual(["1#3"]);
  });

  it("that runs for a while without harm lets others run beside it, more and more", async () => {
    const { client, driver, clock } = await connected({ growingPrefetch: true });
    const handler = new ManualHandler();
    await client.consume(Jobs, { concurrency: 50, retry: { maxAttempts: 3 } }, handler.handler);
    const all = Array.from({ length: 50 }, (_, n) => suspicious(n, 3));
    driver.consumer().deliver(...all);
    await clock.pass(500);
    driver.consumer().deliver(...all);
    const running: number[] = [];
    for (let second = 0; second < 7; second++) {
      await clock.pass(1_000);
      running.push(handler.running);
    }
    expect(running.at(-1)).toBe(50);
    expect(running[0]).toBeLessThan(5);
    expect(driver.consumers).toHaveLength(2);
    expect(driver.consumer().prefetches).toEqual([200]);
  });
});

describe("a message whose count has reached the limit, where a count that it is handed back with is kept", () => {
  const capabilities = { handBack: { how: "native", keepsAttempt: true, maxDelayMs: 60_000 } } as const;
  const retry = { maxAttempts: 3 };
  const counted = (value: number, redeliveries: number, more: object = {}) =>
    delivery(value, { id: String(value), redeliveries, ...more });
  const marked = (losses: number, isOnTrial = true) => redeliveriesOf({ losses, isOnTrial });
  /** As it comes where so many consumers were lost with it since it was handed back to run alone. */
  const onTrial = (value: number, losses = 0, lostSince = 0) => counted(value, marked(losses) + lostSince);
  const givenWith = (consumer: { closedWith: CloseConsumerOptions | undefined }) =>
    [...(consumer.closedWith?.delayed ?? [])].map(([message, { redeliveries }]) => [
      message.id,
      redeliveries,
    ]);

  it.each([3, 8, 20, 1_000])(
    "is marked and run alone, though it came %i times before",
    async (redeliveries) => {
      const { client, driver, clock } = await connected({ capabilities });
      const attempts: number[] = [];
      await client.consume(Jobs, { retry }, (_value, { attempt }) => void attempts.push(attempt));
      driver.consumer().deliver(counted(1, redeliveries), delivery(2));
      await clock.pass(100);
      expect(givenWith(driver.consumers[0] as (typeof driver.consumers)[0])).toEqual([["1", marked(0)]]);
      expect(driver.consumer().source.prefetch).toBe(1);
      driver.consumer().deliver(onTrial(1));
      await clock.pass(100);
      expect(attempts).toEqual([3]);
      expect(driver.sent("jobs..dead")).toEqual([]);
      expect(driver.consumer().source.prefetch).toBe(100);
    },
  );

  it("is run alone once more after its process was lost with it, and given up after the second", async () => {
    for (const [before, since] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
      [2, 0],
      [3, 7],
    ] as const) {
      const losses = before + Math.min(since, 1);
      const { client, driver, clock } = await connected({ capabilities });
      const seen: number[] = [];
      await client.consume(Jobs, { retry }, (value) => void seen.push(value));
      driver.consumer().deliver(onTrial(1, before, since));
      await clock.pass(100);
      driver.consumer().deliver(onTrial(1, losses));
      await clock.pass(100);
      expect(seen).toEqual(losses < 2 ? [1] : []);
      expect(values(driver.sent("jobs..dead"))).toEqual(losses < 2 ? [] : [1]);
    }
  });

  it.each([
    { others: 4, fate: "run alone once more", isGivenUp: false },
    { others: 3, fate: "given up", isGivenUp: true },
    { others: 0, fate: "run alone once more", isGivenUp: false },
  ])(
    "is $fate where others had come 3 times when it was put on trial, and have come $others times when its process is lost",
    async ({ others, isGivenUp }) => {
      const { client, driver, clock } = await connected({ capabilities });
      const seen: number[] = [];
      await client.consume(Jobs, { retry }, (value) => void seen.push(value));
      const written = redeliveriesOf({ losses: 1, isOnTrial: true, redeliveriesOfOthers: 3 });
      driver.consumer().deliver(counted(1, written + 1), ...(others === 0 ? [] : [counted(2, others)]));
      await clock.pass(100);
      const again = redeliveriesOf({ losses: 1, isOnTrial: true, redeliveriesOfOthers: others });
      if (!isGivenUp)
        expect(givenWith(driver.consumers[0] as (typeof driver.consumers)[0])).toEqual([["1", again]]);
      driver.consumer().deliver(counted(1, again));
      await clock.pass(100);
      expect(seen).toEqual(isGivenUp ? [] : [1]);
      expect(values(driver.sent("jobs..dead"))).toEqual(isGivenUp ? [1] : []);
    },
  );

  it("is not held to account for what it was lost with when it was one of many", async () => {
    const { client, driver, clock } = await connected({ capabilities });
    const seen: number[] = [];
    await client.consume(Jobs, { retry }, (value) => void seen.push(value));
    // Handed back beside another that was on trial, and lost five times since.
    driver.consumer().deliver(counted(1, marked(0, false) + 5), counted(2, marked(1)));
    await clock.pass(100);
    expect(givenWith(driver.consumers[0] as (typeof driver.consumers)[0])).toEqual([
      ["1", marked(0)],
      ["2", marked(1, false)],
    ]);
    driver.consumer().deliver(onTrial(1));
    await clock.pass(100);
    expect(seen).toEqual([1]);
  });

  it("is not held to account for connections that were lost here, whoever has it next", async () => {
    const { client, driver, clock } = await connected({ capabilities });
    const handler = new ManualHandler();
    await client.consume(Jobs, { retry }, handler.handler);
    driver.consumer().deliver(counted(1, 5));
    await clock.pass(100);
    for (let losses = 0; losses < 4; losses++) {
      driver.consumer().deliver(onTrial(1, 0, losses));
      await clock.pass(100);
      expect(handler.began).toHaveLength(losses + 1);
      driver.connection.hooks.lost(lost);
      handler.end(1);
      await clock.pass(10_000);
    }
    driver.consumer().deliver(onTrial(1, 0, 4));
    await clock.pass(100);
    const closing = client.close({ timeoutMs: 0 });
    await clock.pass(20_000);
    await closing;
    expect(givenWith(driver.consumer())).toEqual([["1", marked(0, false)]]);
    expect(driver.sent("jobs..dead")).toEqual([]);
  });

  it("is handed back as it came when its subscription closes while it runs alone", async () => {
    const { client, driver, clock } = await connected({ capabilities });
    const handler = new ManualHandler();
    await client.consume(Jobs, { retry }, handler.handler);
    driver.consumer().deliver(onTrial(1, 1));
    await clock.pass(100);
    driver.consumer().deliver(onTrial(1, 1));
    await clock.pass(100);
    expect(handler.running).toBe(1);
    const closing = client.close({ timeoutMs: 10 });
    await clock.pass(20_000);
    await closing;
    expect(givenWith(driver.consumer())).toEqual([["1", marked(1, false)]]);
  });

  it("waits for its own mark when another comes in its place", async () => {
    const { client, driver, clock } = await connected({ capabilities });
    const handler = new ManualHandler();
    await client.consume(Jobs, { retry }, handler.handler);
    driver.consumer().deliver(counted(1, 3));
    await clock.pass(100);
    driver.consumer().deliver(counted(2, 3));
    await clock.pass(100);
    expect(handler.began).toEqual([]);
    expect(driver.consumers.flatMap(givenWith)).toEqual([
      ["1", marked(0)],
      ["2", redeliveriesOf({ losses: 0, isOnTrial: true, redeliveriesOfOthers: 3 })],
    ]);
    driver.consumer().deliver(onTrial(2));
    await clock.pass(100);
    expect(handler.began).toEqual(["2#3"]);
  });

  it("runs without a mark where that does not stay", async () => {
    const { client, driver, clock } = await connected({ capabilities });
    const seen: number[] = [];
    await client.consume(Keyed, { retry }, (value) => void seen.push(value));
    for (let life = 0; life < 6; life++) {
      driver.consumer().deliver(counted(1, 30, { key: "k" }));
      await clock.pass(100);
    }
    expect(seen[0]).toBe(1);
    expect(driver.sent("keyed..dead")).toEqual([]);
  });

  describe("and that of what is held can be changed", () => {
    const changing = () => {
      const marks: [string, number][] = [];
      const gates: (() => void)[] = [];
      const recount = async (message: ReceivedMessage, redeliveries: number) => {
        marks.push([message.id, redeliveries]);
        await new Promise<void>((resolve) => gates.push(resolve));
        Object.assign(message, { redeliveries });
      };
      return { marks, gates, recount };
    };

    it("runs once it has its mark, whichever comes to be alone", async () => {
      const { marks, gates, recount } = changing();
      const { client, driver, clock } = await connected({ capabilities, recount });
      const handler = new ManualHandler();
      await client.consume(Jobs, { retry }, handler.handler);
      const besideOthers = (losses: number) =>
        redeliveriesOf({ losses, isOnTrial: true, redeliveriesOfOthers: 30 });
      driver.consumer().deliver(counted(1, 30), counted(2, besideOthers(1) + 1));
      await clock.pass(100);
      // Nothing is marked that is only handed back.
      expect(driver.consumers.flatMap(givenWith)).toEqual([]);
      driver.consumer().deliver(counted(3, 8));
      await clock.pass(100);
      expect(marks).toEqual([["3", besideOthers(0)]]);
      expect(handler.began).toEqual([]);
      gates[0]?.();
      await clock.pass(100);
      expect(handler.began).toEqual(["3#3"]);
      // Should it be cut off, it has taken nothing down with it.
      const closing = client.close({ timeoutMs: 10 });
      await clock.pass(20_000);
      await closing;
      expect(givenWith(driver.consumer())).toEqual([["3", marked(0, false)]]);
    });

    it("does not run when it was lost meanwhile", async () => {
      const { gates, recount } = changing();
      const { client, driver, clock, errors } = await connected({ capabilities, recount });
      const handler = new ManualHandler();
      await client.consume(Jobs, { retry }, handler.handler);
      driver.consumer().deliver(counted(1, 5));
      await clock.pass(100);
      driver.consumer().deliver(counted(1, 5));
      await clock.pass(100);
      driver.connection.hooks.lost(lost);
      await clock.pass(10_000);
      gates[0]?.();
      await clock.pass(100);
      expect(handler.began).toEqual([]);
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["CONNECTION_LOST"]));
    });

    it("runs without a mark that could not be left, which is told", async () => {
      const recount = async () => {
        throw lost;
      };
      const { client, driver, clock, errors } = await connected({ capabilities, recount });
      const handler = new ManualHandler();
      await client.consume(Jobs, { retry }, handler.handler);
      driver.consumer().deliver(counted(1, 5));
      await clock.pass(100);
      driver.consumer().deliver(counted(1, 5));
      await clock.pass(100);
      expect(handler.began).toEqual(["1#3"]);
      expect(errors.map(({ code }) => code)).toEqual(["CONNECTION_LOST"]);
    });
  });

  it("is waited for longer by what runs, the more often it has come", async () => {
    const { client, driver, clock } = await connected({ capabilities });
    const handler = new ManualHandler();
    await client.consume(Jobs, { concurrency: 2, retry }, handler.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    driver.consumer().deliver(counted(2, 8));
    await clock.pass(55_000);
    expect(handler.began).toEqual(["1"]);
    await clock.pass(10_000);
    expect(handler.began).toEqual(["1", "2#3"]);
  });
});

describe("the attempt that is written on a message", () => {
  const written = (value: number, attempt: string | number, rest: object = {}) =>
    delivery(value, { headers: { "waybill-attempt": String(attempt) }, ...rest });
  const retry = { maxAttempts: 3, backoff: () => 0 };

  it("is where it goes on, across processes", async () => {
    const { client, driver, clock } = await connected({ capabilities: { retry: { how: "republish" } } });
    const handler = new ManualHandler();
    await client.consume(Jobs, { retry }, handler.handler);
    driver.consumer().deliver(written(1, 2));
    await clock.settle();
    handler.fail(1);
    await clock.settle();
    expect(handler.began).toEqual(["1#2"]);
    expect(driver.sent("jobs")[0]?.headers["waybill-attempt"]).toBe("3");
  });

  it.each([3, 4, 99, 1_000_000, 1e9])("gives nobody up who was never handled: %d", async (attempt) => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(Jobs, { retry }, handler.handler);
    driver.consumer().deliver(written(1, attempt), written(2, attempt));
    await clock.settle();
    const began = attempt === 1e9 ? ["1", "2"] : ["1#3", "2#3"];
    expect(handler.began).toEqual(began);
    handler.end(1);
    handler.fail(2);
    await clock.settle();
    expect(driver.consumer().settled[0]).toBe("ack 1");
    expect(values(driver.sent("jobs..dead"))).toEqual(attempt === 1e9 ? [] : [2]);
  });

  it("is no part of the verdict on what takes its process down: that is the broker's count", async () => {
    const { client, driver, clock } = await connected();
    const handler = new ManualHandler();
    await client.consume(Jobs, { retry }, handler.handler);
    // As often as the kills of a busy process come to, while it was only prefetched.
    const suspicious = written(1, 99, { redeliveries: 4 });
    driver.consumer().deliver(suspicious);
    await clock.settle();
    driver.consumer().deliver(suspicious);
    await clock.settle();
    expect(handler.began).toEqual(["1#3"]);
    expect(driver.sent("jobs..dead")).toEqual([]);
  });
});
/** Until the garbage collector has run, if it can be made to. */
async function collected(done: () => boolean): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let turn = 0; turn < 50 && !done(); turn++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
