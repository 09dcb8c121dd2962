import { describe, expect, it } from "vitest";
import {
  type Client,
  type Delivery,
  type HandleMiddleware,
  queue,
  type Subscription,
  timeout,
  topic,
} from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, gate, never, values, type Workbench } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => undefined });
const Orders = topic<number>("orders");

/** Whether a promise has settled by now. */
function watch(promise: Promise<unknown>): { readonly over: boolean } {
  const state = { over: false };
  void failureOf(promise).then(() => {
    state.over = true;
  });
  return state;
}

describe("close", () => {
  it("stops intake, waits for running handlers, settles what ended and hands the rest back", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 2 }, hands.handler);
    const consumer = driver.consumer();
    consumer.deliver(delivery(1), delivery(2), delivery(3));
    await clock.settle();
    const closing = watch(subscription.close());
    expect(subscription.state).toBe("closing");
    consumer.deliver(delivery(4));
    hands.end(1);
    await clock.settle();
    expect(closing.over).toBe(false);
    expect(consumer.closed).toBe(0);
    hands.end(2);
    await clock.settle();
    expect(closing.over).toBe(true);
    expect(hands.began).toEqual(["1", "2"]);
    expect(consumer.settled).toEqual(["ack 1", "ack 2"]);
    expect(consumer.closed).toBe(1);
    expect(subscription.state).toBe("closed");
    expect(await subscription.ended).toBe(undefined);
    expect(clock.timers).toBe(0);
  });

  type Close = (bench: Workbench, subscription: Subscription) => Promise<void>;
  const of = (what: "client" | "subscription", timeoutMs?: number): Close => {
    const options = timeoutMs === undefined ? {} : { timeoutMs };
    return ({ client }, subscription) => (what === "client" ? client : subscription).close(options);
  };
  const twoClosings: readonly [string, Close, Close, number][] = [
    ["a client's", of("subscription", Number.POSITIVE_INFINITY), of("client", 200), 200],
    ["a subscription's second, of 0", of("subscription"), of("subscription", 0), 0],
    ["a client's second, of 0", of("client"), of("client", 0), 100],
    ["a subscription's, shorter than its client's", of("client"), of("subscription", 200), 200],
    ["the first, shorter than the second", of("subscription", 300), of("subscription", 60_000), 200],
  ];
  for (const [whose, first, second, endsAfterMs] of twoClosings) {
    it(`ends with the shortest time that anybody gives it: ${whose}`, async () => {
      const bench = await connected();
      const { client, driver, clock } = bench;
      const subscription = await client.consume(Jobs, () => never);
      driver.consumer().deliver(delivery(1));
      await clock.settle();
      const closings = [watch(first(bench, subscription))];
      await clock.pass(100);
      closings.push(watch(second(bench, subscription)));
      await clock.pass(endsAfterMs);
      expect(closings.map(({ over }) => over)).toEqual([true, true]);
      expect(driver.consumer().settled).toEqual([]);
      expect(clock.timers).toBe(0);
    });
  }

  it("cuts short also the storing of what was published, when asked a second time", async () => {
    const { client, clock } = await connected({ publish: () => never });
    void failureOf(client.send(Jobs, 1));
    await clock.settle();
    const closings = [watch(client.close())];
    await clock.pass(1_000);
    closings.push(watch(client.close({ timeoutMs: 0 })));
    await clock.pass(0);
    expect(closings.map(({ over }) => over)).toEqual([true, true]);
  });

  it("at once when nothing runs, with a receive under way", async () => {
    const { client, driver } = await connected();
    const subscription = await client.consume(Jobs, () => {});
    await subscription.close();
    expect(driver.consumer().closed).toBe(1);
  });

  it("is one and the same, however often it is asked", async () => {
    const { client, driver } = await connected();
    const subscription = await client.consume(Jobs, () => {});
    await Promise.all([subscription.close(), subscription.close()]);
    await subscription[Symbol.asyncDispose]();
    expect(driver.consumer().closed).toBe(1);
  });

  it("takes no option that nobody reads, and no deadline that makes no sense", async () => {
    const { client } = await connected();
    const subscription = await client.consume(Jobs, () => {});
    const wrong = { deadline: 5 } as { timeoutMs?: number };
    for (const one of [client, subscription]) {
      expect((await failureOf(one.close(wrong)))?.code).toBe("UNKNOWN_OPTION");
      expect((await failureOf(one.close({ timeoutMs: -1 })))?.code).toBe("INVALID_ARGUMENT");
    }
    expect(subscription.state).toBe("running");
  });
});

describe("past the deadline", () => {
  it("handlers that still run are told, and nothing they do is settled any more", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    await clock.settle();
    const { signal } = hands.delivery(1);
    const closing = subscription.close({ timeoutMs: 1_000 });
    await clock.pass(999);
    expect(signal.aborted).toBe(false);
    await clock.pass(1);
    await closing;
    expect(signal.reason).toMatchObject({ code: "CLOSED" });
    hands.end(1);
    hands.fail(2);
    expect(await hands.delivery(3).ack()).toBe("lost");
    expect(await hands.delivery(3).retry()).toBe("lost");
    expect(await hands.delivery(3).reject()).toBe("lost");
    await clock.pass(60_000);
    expect(driver.consumer().settled).toEqual([]);
    expect(driver.published).toEqual([]);
    expect(subscription.state).toBe("closed");
  });

  it("a handler whose connection is lost meanwhile is told at once", async () => {
    const { client, driver, clock } = await connected();
    let told: unknown;
    const subscription = await client.consume(
      Jobs,
      (_value, { signal }) =>
        new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => {
            told = signal.reason;
            resolve();
          });
        }),
    );
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = watch(subscription.close({ timeoutMs: 30_000 }));
    await clock.pass(1_000);
    expect(told).toBe(undefined);
    driver.connection.hooks.lost(new VendorError("CONNECTION_LOST"));
    await clock.settle();
    expect(told).toMatchObject({ code: "LEASE_LOST" });
    expect(driver.consumers[0]?.settled).toEqual([]);
    await clock.pass(10_000);
    expect(closing.over).toBe(true);
  });

  it("a handler that ends because it was told settles nothing, in peace or by throwing", async () => {
    const { client, driver, clock, errors } = await connected();
    await client.consume(
      Jobs,
      { retry: { maxAttempts: 1 } },
      (value, { signal }) =>
        new Promise<void>((resolve, reject) => {
          signal.addEventListener("abort", () => (value === 1 ? resolve() : reject(signal.reason)));
        }),
    );
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    const closing = client.close({ timeoutMs: 1_000 });
    await clock.pass(2_000);
    await closing;
    expect(driver.consumer().settled).toEqual([]);
    expect(driver.published).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("a dead-lettered message that cannot be stored is left, and its message not acked", async () => {
    const { client, driver, clock } = await connected({ publish: () => never });
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, () => Promise.reject(new Error("no")));
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close({ timeoutMs: 1_000 });
    await clock.pass(2_000);
    await closing;
    expect(driver.consumer().settled).toEqual([]);
    expect(driver.consumer().closed).toBe(1);
  });

  it("a message that was rejected by hand is not acked without its dead-lettered message", async () => {
    const { client, driver, clock } = await connected({ publish: () => never });
    const results: unknown[] = [];
    await client.consume(Jobs, async (_value, delivery) => {
      results.push(await delivery.reject());
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close({ timeoutMs: 1_000 });
    await clock.pass(2_000);
    await closing;
    expect(results).toEqual(["lost"]);
    expect(driver.consumer().settled).toEqual([]);
  });

  it("a driver that hangs cannot keep it from ending", async () => {
    const { client, driver, clock } = await connected({ settle: () => never, closeConsumer: () => never });
    await client.consume(Jobs, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close({ timeoutMs: 1_000 });
    await clock.pass(30_000);
    await closing;
    expect(client.health().status).toBe("closed");
    expect(clock.timers).toBe(0);
  });
});

describe("what waits for its next attempt in place when its consumer closes", () => {
  it("is handed back unsettled at once", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Keyed, { retry: { backoff: () => 60_000 } }, hands.handler);
    driver.consumer().deliver(delivery(1, { key: "a" }), delivery(2, { key: "a" }));
    await clock.settle();
    hands.fail(1);
    await clock.settle();
    await subscription.close();
    await clock.pass(120_000);
    expect(hands.began).toEqual(["1"]);
    expect(driver.consumer().settled).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("is handed back as well when its handler fails only then", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Keyed, { retry: { backoff: () => 60_000 } }, hands.handler);
    driver.consumer().deliver(delivery(1, { key: "a" }));
    await clock.settle();
    const closing = subscription.close();
    hands.fail(1);
    await closing;
    expect(driver.consumer().settled).toEqual([]);
  });
});

describe("a client that closes", () => {
  it("drains every subscription, and lets handlers publish what they have to", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, async (value, delivery) => {
      await hands.handler(value, delivery);
      await client.publish(Orders, value);
      await client.send(Keyed, value);
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close();
    await clock.settle();
    expect(client.health().status).toBe("closing");
    hands.end(1);
    await clock.pass(100);
    await closing;
    expect(values(driver.sent("orders"))).toEqual([1]);
    expect(values(driver.sent("keyed"))).toEqual([1]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("takes no new subscription, and after the drain no publish either", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close({ timeoutMs: 1_000 });
    expect((await failureOf(client.consume(Keyed, () => {})))?.code).toBe("CLOSED");
    await clock.pass(1_500);
    await closing;
    for (const refused of [
      client.publish(Orders, 1),
      client.publishBatch(Orders, [1]),
      client.send(Jobs, 1),
      client.sendBatch(Jobs, [1]),
      client.subscribe(Orders, { group: "g" }, () => {}),
      client.consume(Jobs, () => {}),
      client.topology.inspect(Jobs),
      client.redrive({ queue: Jobs }),
    ]) {
      expect(await failureOf(refused)).toMatchObject({ code: "CLOSED", retryable: false });
    }
  });

  it("while its connection is away, ends all the same", async () => {
    const { client, driver, clock } = await connected({
      connect: (attempt) => {
        if (attempt > 1) throw new VendorError("UNREACHABLE");
      },
    });
    const Questions = queue("questions", { reply: {} });
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.connection.hooks.lost(new Error("gone"));
    const asked = failureOf(client.request(Questions, 1));
    const published = failureOf(client.publish(Orders, 1));
    await clock.pass(1_000);
    const closing = client.close({ timeoutMs: 500 });
    await clock.pass(10_000);
    await closing;
    expect((await asked)?.code).toBe("CLOSED");
    expect((await published)?.code).toBe("CLOSED");
    expect(clock.timers).toBe(0);
  });

  it("does not leave a consumer behind that a recovery was opening", async () => {
    const consumed = gate();
    let calls = 0;
    const { client, driver, clock } = await connected({
      consume: () => (++calls > 1 ? consumed.opened : undefined),
    });
    const subscription = await client.consume(Jobs, () => {});
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(1_000);
    const closing = subscription.close();
    await clock.settle();
    consumed.open();
    await closing;
    await clock.settle();
    expect(driver.consumers.map(({ closed }) => closed)).toEqual([1, 1]);
  });
});

describe("closing from within a handler", () => {
  it("is told of once, and resolves when all other handlers have ended; its message is settled", async () => {
    for (const whole of [false, true]) {
      const { client, driver, clock, errors } = await connected();
      const hands = new ManualHandler();
      const asked: Promise<void>[] = [];
      const subscription = await client.consume(Jobs, async (value, each) => {
        await hands.handler(value, each);
        if (value !== 1) return;
        asked.push(whole ? client.close() : subscription.close());
        await asked[0];
      });
      driver.consumer().deliver(delivery(1), delivery(2));
      await clock.settle();
      hands.end(1);
      await clock.settle();
      const closing = watch(asked[0] as Promise<void>);
      await clock.pass(500);
      expect(closing.over).toBe(false);
      hands.end(2);
      await clock.settle();
      expect(closing.over).toBe(true);
      await clock.pass(500);
      expect(driver.consumer().settled.sort()).toEqual(["ack 1", "ack 2"]);
      expect(subscription.state).toBe("closed");
      if (whole) expect(client.health().status).toBe("closed");
      expect(errors).toMatchObject([
        { code: "INVALID_ARGUMENT", message: expect.stringContaining("its own subscription") },
      ]);
    }
  });

  it("by two of its handlers at once is not waited out either", async () => {
    const { client, driver, clock, errors } = await connected();
    const ended: number[] = [];
    const subscription = await client.consume(Jobs, async (value) => {
      await turn();
      await (value === 1 ? subscription.close() : client.close());
      ended.push(value);
    });
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.pass(100);
    expect(ended.sort()).toEqual([1, 2]);
    expect(driver.consumer().settled).toHaveLength(2);
    expect(errors).toHaveLength(1);
  });

  it("while another closes its own, neither is waited out", async () => {
    const { client, driver, clock, errors } = await connected();
    const ended: string[] = [];
    const a = await client.consume(queue("a"), async () => {
      await turn();
      await b.close();
      ended.push("a");
    });
    const b = await client.consume(queue("b"), async () => {
      await turn();
      await a.close();
      ended.push("b");
    });
    driver.consumer("a").deliver(delivery(1));
    driver.consumer("b").deliver(delivery(2));
    await clock.pass(100);
    expect(ended).toEqual(["b", "a"]);
    expect([a.state, b.state]).toEqual(["closed", "closed"]);
    expect(errors).toMatchObject([
      { code: "INVALID_ARGUMENT", message: expect.stringContaining('waits for "a" to close') },
    ]);
  });

  it("that has ended is closing from outside: what it left behind waits for all others", async () => {
    for (const whole of [false, true]) {
      const { client, driver, clock, errors } = await connected();
      const hands = new ManualHandler();
      const leftBehind = gate();
      const asked: Promise<void>[] = [];
      const subscription = await client.consume(Jobs, (value, each) => {
        if (value !== 1) return hands.handler(value, each);
        void leftBehind.opened.then(() => asked.push(whole ? client.close() : subscription.close()));
        return undefined;
      });
      driver.consumer().deliver(delivery(1), delivery(2));
      await clock.settle();
      leftBehind.open();
      await clock.settle();
      const closing = watch(asked[0] as Promise<void>);
      await clock.pass(500);
      expect(closing.over).toBe(false);
      hands.end(2);
      await clock.pass(500);
      expect(closing.over).toBe(true);
      expect(errors).toEqual([]);
    }
  });

  it("of another client's waits until that has closed", async () => {
    const { client, driver, clock, errors } = await connected();
    const other = await connected();
    const hands = new ManualHandler();
    const ended: number[] = [];
    await other.client.consume(Jobs, hands.handler);
    other.driver.consumer().deliver(delivery(2));
    await client.consume(Jobs, async (value) => {
      await other.client.close();
      ended.push(value);
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(ended).toEqual([]);
    hands.end(2);
    await other.clock.pass(500);
    expect(other.client.health().status).toBe("closed");
    expect(ended).toEqual([1]);
    expect(errors).toEqual([]);
  });
});

describe("closing from within the body of a loop", () => {
  const closes = {
    "the client": (client: Client) => client.close(),
    "its subscription": (_: Client, each: Delivery) => each.subscription.close(),
  };

  it.each(Object.entries(closes))(
    "%s is told of once, and resolves when all others have ended; its message is settled",
    async (what, close) => {
      const { client, driver, clock, errors } = await connected();
      const hands = new ManualHandler();
      const seen: unknown[] = [];
      const others = await client.consume(queue<number>("others"), hands.handler);
      const messages = client.messages(Jobs);
      const subscription = await messages.ready();
      driver.consumer("others").deliver(delivery(3));
      driver.consumer("jobs").deliver(delivery(1), delivery(2));
      const loop = async () => {
        for await (const each of messages) {
          await turn();
          seen.push(each.value);
          if (each.value === 2) await close(client, each);
          seen.push(`closed ${each.value}`);
          await each.ack();
        }
      };
      const looped = watch(loop());
      await clock.pass(500);
      const waits = what === "the client";
      expect(seen.at(-1)).toBe(waits ? 2 : "closed 2");
      hands.end(3);
      await clock.pass(100);
      expect(seen).toEqual([1, "closed 1", 2, "closed 2"]);
      expect(looped.over).toBe(true);
      expect(driver.consumer("jobs").settled).toEqual(["ack 1", "ack 2"]);
      expect(subscription.state).toBe("closed");
      expect(others.state).toBe(waits ? "closed" : "running");
      if (waits) expect(client.health().status).toBe("closed");
      expect(errors).toMatchObject([
        {
          code: "INVALID_ARGUMENT",
          message: expect.stringContaining('A loop over "jobs" waits for its own subscription to close.'),
        },
      ]);
      expect(clock.timers).toBe(0);
    },
  );

  it.each(Object.entries(closes))(
    "%s: what the body leaves unsettled is handed back when it asks for more, or leaves",
    async (_, close) => {
      for (const leaves of [false, true]) {
        const { client, driver, clock } = await connected();
        const messages = client.messages(Jobs);
        const subscription = await messages.ready();
        driver.consumer().deliver(delivery(1));
        const loop = async () => {
          for await (const each of messages) {
            await close(client, each);
            if (leaves) break;
          }
        };
        const looped = watch(loop());
        await clock.pass(500);
        expect(looped.over).toBe(true);
        expect(driver.consumer().settled).toEqual([]);
        expect(driver.consumer().closed).toBe(1);
        expect(subscription.state).toBe("closed");
        expect(clock.timers).toBe(0);
      }
    },
  );

  it.each(Object.entries(closes))(
    "%s: a body that has settled its message is told nothing",
    async (_, close) => {
      const passing: HandleMiddleware = async (_delivery, next) => {
        await next();
      };
      const closing = gate();
      const slow: HandleMiddleware = async (_delivery, next) => {
        await next();
        await closing.opened;
      };
      for (const use of [[], [passing], [passing, timeout(5_000)], [slow]]) {
        const { client, driver, clock, errors } = await connected();
        const messages = client.messages(Jobs, { use });
        await messages.ready();
        driver.consumer().deliver(delivery(1));
        const loop = async () => {
          for await (const each of messages) {
            await each.ack();
            await close(client, each);
          }
        };
        const looped = watch(loop());
        await clock.pass(500);
        expect(looped.over).toBe(!use.includes(slow));
        if (use.includes(slow)) closing.open();
        await clock.pass(500);
        expect(looped.over).toBe(true);
        expect(driver.consumer().settled).toEqual(["ack 1"]);
        expect(errors).toEqual([]);
        expect(clock.timers).toBe(0);
      }
    },
  );

  it("is not what closing is beside workers that hold several of its messages", async () => {
    const { client, driver, clock, errors } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    const works = gate();
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    const program = async () => {
      for (let n = 0; n < 3; n++) {
        const { value } = await messages.next();
        void works.opened.then(() => value?.ack());
      }
      await client.close();
    };
    const ended = watch(program());
    await clock.pass(500);
    expect(ended.over).toBe(false);
    works.open();
    await clock.pass(500);
    expect(ended.over).toBe(true);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2", "ack 3"]);
    expect(errors).toEqual([]);
  });

  it("is one thing, and closing beside it is another: that waits for the body", async () => {
    const { client, driver, clock, errors } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    const works = gate();
    const loop = async () => {
      for await (const each of messages) {
        await works.opened;
        await each.ack();
      }
    };
    // Begins in this very context, as a program does that goes on beside its loop.
    const looped = loop();
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = watch(client.close());
    await clock.pass(500);
    expect(closing.over).toBe(false);
    works.open();
    await clock.pass(500);
    expect(closing.over).toBe(true);
    await looped;
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toEqual([]);
  });

  it("waits for what other code holds that the loop has started", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    driver.consumer().deliver(delivery(1), delivery(2));
    const works = [gate(), gate()] as const;
    const handle = async (each: Delivery<number>) => {
      await works[each.value - 1]?.opened;
      await each.ack();
    };
    let closed = false;
    const loop = async () => {
      for await (const each of messages) {
        void handle(each);
        if (each.value !== 2) continue;
        await client.close();
        closed = true;
      }
    };
    const looped = watch(loop());
    await clock.pass(500);
    expect(closed).toBe(false);
    works[0].open();
    await clock.pass(500);
    expect([closed, looped.over]).toEqual([true, false]);
    works[1].open();
    await clock.pass(500);
    expect(looped.over).toBe(true);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
  });

  it("that runs in a handler is also closing from within the handler", async () => {
    const { client, driver, clock, errors } = await connected();
    const outer = await client.consume(queue<number>("outer"), async () => {
      for await (const each of client.messages(Jobs)) {
        await each.ack();
        if (each.value === 2) await outer.close();
        if (each.value === 2) break;
      }
    });
    driver.consumer("outer").deliver(delivery(1));
    await clock.settle();
    driver.consumer("jobs").deliver(delivery(1), delivery(2));
    await clock.pass(500);
    expect(outer.state).toBe("closed");
    expect(driver.consumer("outer").settled).toEqual(["ack 1"]);
    expect(errors).toMatchObject([{ message: expect.stringContaining('A handler of "outer"') }]);
  });
});

describe("closing from within a publish middleware", () => {
  async function closingOnPublish() {
    const closed: string[] = [];
    const bench: Awaited<ReturnType<typeof connected>> = await connected(
      {},
      {
        middleware: {
          publish: [
            async (_message, next) => {
              await turn();
              await bench.client.close();
              closed.push("client");
              return next();
            },
          ],
        },
      },
    );
    return { ...bench, closed };
  }

  it("is told of once, and not waited out; its message is stored", async () => {
    const { client, driver, clock, errors, closed } = await closingOnPublish();
    const published = [client.publish(Orders, 1), client.publish(Orders, 2)];
    await clock.pass(500);
    await Promise.all(published);
    expect(closed).toEqual(["client", "client"]);
    expect(values(driver.sent("orders"))).toEqual([1, 2]);
    expect(client.health().status).toBe("closed");
    expect(errors).toMatchObject([
      { code: "INVALID_ARGUMENT", message: expect.stringContaining("A publish middleware waits") },
    ]);
    expect(clock.timers).toBe(0);
  });

  it("waits for handlers, but not for the one whose publish it is", async () => {
    const { client, driver, clock, closed } = await closingOnPublish();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    await client.consume(Keyed, async () => void (await client.publish(Orders, 1)));
    driver.consumer("jobs").deliver(delivery(1));
    driver.consumer("keyed").deliver(delivery(2));
    await clock.pass(500);
    expect(closed).toEqual([]);
    hands.end(1);
    await clock.pass(500);
    expect(closed).toEqual(["client"]);
    expect(driver.consumer("keyed").settled).toEqual(["ack 2"]);
    expect(client.health().status).toBe("closed");
  });

  it("of a publish that has ended waits for all the others", async () => {
    const leftBehind = gate();
    const asked: Promise<void>[] = [];
    const bench: Awaited<ReturnType<typeof connected>> = await connected(
      {},
      {
        middleware: {
          publish: [
            (_message, next) => {
              void leftBehind.opened.then(() => asked.push(bench.client.close()));
              return next();
            },
          ],
        },
      },
    );
    await bench.client.publish(Orders, 1);
    leftBehind.open();
    await bench.clock.pass(500);
    await asked[0];
    expect(bench.client.health().status).toBe("closed");
    expect(bench.errors).toEqual([]);
  });
});

describe("a closing that has to wait", () => {
  /** What was told of it, after the second, and after all of it. */
  async function toldOf(bench: Awaited<ReturnType<typeof connected>>, closing: Promise<unknown>) {
    const { clock, errors } = bench;
    await clock.pass(999);
    expect(errors).toEqual([]);
    await clock.pass(1);
    const told = errors.map(({ code, message }) => `${code} ${message}`);
    await clock.pass(60_000);
    await closing;
    expect(errors).toHaveLength(told.length);
    expect(clock.timers).toBe(0);
    return told;
  }

  it("for handlers says so after a second, once", async () => {
    const bench = await connected();
    await bench.client.consume(Jobs, () => never);
    bench.driver.consumer().deliver(delivery(1), delivery(2));
    await bench.clock.settle();
    expect(await toldOf(bench, bench.client.close({ timeoutMs: 5_000 }))).toEqual([
      expect.stringContaining('DRAINING Closing "jobs" waits for 2 of its handlers, up to 5000 ms.'),
    ]);
  });

  it("for a loop that holds a delivery says so", async () => {
    const bench = await connected();
    const messages = bench.client.messages(Jobs);
    await messages.ready();
    bench.driver.consumer().deliver(delivery(1));
    await messages.next();
    const loop = messages.next();
    expect(await toldOf(bench, bench.client.close({ timeoutMs: 5_000 }))).toEqual([
      expect.stringContaining('DRAINING Closing "jobs" waits for 1 of its deliveries, which a loop holds'),
    ]);
    expect((await loop).done).toBe(true);
  });

  it("for publishes says so", async () => {
    const bench = await connected({ publish: () => never });
    const published = failureOf(bench.client.publish(Orders, 1));
    expect(await toldOf(bench, bench.client.close({ timeoutMs: 5_000 }))).toEqual([
      expect.stringContaining("DRAINING Closing the client waits for 1 of its publishes"),
    ]);
    expect((await published)?.code).toBe("CLOSED");
  });

  it("for nothing that takes long says nothing", async () => {
    const { client, driver, clock, errors } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close();
    await clock.pass(900);
    hands.end(1);
    await clock.pass(10_000);
    await closing;
    expect(errors).toEqual([]);
  });

  it("from a schema that thinks is one from a handler: told of at once, and not waited out", async () => {
    const closed: string[] = [];
    const validate = async (value: unknown) => {
      await client.close();
      closed.push("client");
      return { value: value as number };
    };
    const schema = { "~standard": { version: 1 as const, vendor: "test", validate } };
    const { client, driver, clock, errors } = await connected();
    await client.consume(queue("checked", { schema }), () => void closed.push("handled"));
    driver.consumer().deliver(delivery(1));
    await clock.pass(500);
    expect(closed).toEqual(["client", "handled"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(client.health().status).toBe("closed");
    expect(errors.map(({ code }) => code)).toEqual(["INVALID_ARGUMENT"]);
  });
});

/** One event-loop turn, so that other handlers have begun. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
