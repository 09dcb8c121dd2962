import { describe, expect, it } from "vitest";
import { writtenAttempt } from "../src/consuming/attempt-headers.ts";
import {
  circuitBreaker,
  deduplicate,
  type HandleMiddleware,
  memoryDeduplicationStore,
  queue,
  timeout,
  topic,
} from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { connected, delivery, failureOf, values } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Orders = topic<number>("orders");

describe("middleware around handlers", () => {
  it("is called outermost first, the client's outside the subscription's", async () => {
    const lines: string[] = [];
    const layer =
      (name: string): HandleMiddleware =>
      async (_delivery, next) => {
        lines.push(`${name} before`);
        await next();
        lines.push(`${name} after`);
      };
    const { client, driver, clock } = await connected(
      {},
      { middleware: { handle: [layer("a"), layer("b")] } },
    );
    await client.consume(Jobs, { use: [layer("c")] }, () => void lines.push("handler"));
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(lines).toEqual(["a before", "b before", "c before", "handler", "c after", "b after", "a after"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("that throws, at once or later, is a handler that throws", async () => {
    const { client, driver, clock } = await connected();
    const use: HandleMiddleware[] = [
      (delivery, next) => {
        if (delivery.value === 1) throw new Error("at once");
        return next().then(() => Promise.reject(new Error("later")));
      },
    ];
    await client.consume(Jobs, { use, retry: { backoff: () => 5 } }, () => {});
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 5", "retry 2 after 5"]);
  });

  it("that does not call `next` skips the handler, and the message is acked", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, { use: [async () => {}] }, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(hands.began).toEqual([]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("that calls `next` when its turn is over calls no handler, and is told of once", async () => {
    const { client, driver, clock, errors } = await connected();
    const hands = new ManualHandler();
    const refused: unknown[] = [];
    const late: HandleMiddleware = async (_delivery, next) =>
      void clock.setTimeout(() => void next().catch((error) => refused.push(error.code)), 20);
    // Between the late one and the handler: nobody waits for it either.
    const inner: HandleMiddleware = async (_delivery, next) => await next();
    for (const use of [[late], [late, inner]]) {
      const jobs = queue<number>(`jobs-${use.length}`);
      await client.consume(jobs, { use, concurrency: 2 }, hands.handler);
      driver.consumer().deliver(...[1, 2, 3, 4].map((n) => delivery(n)));
      await clock.pass(20);
      expect(driver.consumer().settled).toEqual(["ack 1", "ack 2", "ack 3", "ack 4"]);
    }
    expect(hands.began).toEqual([]);
    expect(refused).toEqual(Array.from({ length: 8 }, () => "HANDLER_FAILED"));
    expect(
      errors.map(({ code, message }) => [code, message.includes("`next` when its turn was over")]),
    ).toEqual([
      ["HANDLER_FAILED", true],
      ["HANDLER_FAILED", true],
    ]);
  });

  it("that never waits for `next` ends no process, whichever layer calls it late and without a catch", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const late: HandleMiddleware = async (_delivery, next) => void clock.setTimeout(next, 20);
    const forgets: HandleMiddleware = async (_delivery, next) => void next();
    const fails: HandleMiddleware = async (_delivery, next) => {
      await next();
      throw new Error("after the handler");
    };
    const use = [late, forgets, fails];
    for (let first = 0; first < use.length; first++) {
      await client.consume(queue<number>(`jobs-${first}`), { use: use.slice(first) }, hands.handler);
      driver.consumer().deliver(delivery(first));
      await clock.pass(20);
      if (hands.isRunning(first)) hands.fail(first);
      await clock.settle();
    }
    expect(hands.began).toEqual(["1", "2"]);
  });

  it("that does not look at how `next` ended does not lose its failure, however long it stays itself", async () => {
    const { client, driver, clock, errors } = await connected();
    const stays: HandleMiddleware = async (_delivery, next) => {
      void next();
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 50));
    };
    const failsLater: HandleMiddleware = async (_delivery, next) => {
      await next();
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 100));
      throw new Error("after the handler");
    };
    const looks: HandleMiddleware[] = [
      async (_delivery, next) => next().catch(() => {}),
      async (_delivery, next) => void (await Promise.race([next(), undefined]).catch(() => {})),
    ];
    const fails = () => Promise.reject(new Error("no"));
    for (const [use, handler, expected] of [
      [[stays], fails, "retry 1 after 5"],
      [[stays, async (_each: unknown, next: () => Promise<void>) => next()], fails, "retry 1 after 5"],
      [[stays, failsLater], () => {}, "retry 1 after 5"],
      [[stays], () => {}, "ack 1"],
      // What a middleware has looked at and let pass is its own decision.
      [[looks[0]], fails, "ack 1"],
      [[looks[1]], fails, "ack 1"],
    ] as [HandleMiddleware[], () => unknown, string][]) {
      errors.length = 0;
      await client.consume(Jobs, { use, retry: { backoff: () => 5 } }, handler);
      driver.consumer().deliver(delivery(1));
      await clock.pass(200);
      expect(driver.consumer().settled).toEqual([expected]);
      const told = errors.filter(({ message }) => message.includes("Await `next()`, or return it."));
      expect(told).toHaveLength(expected === "ack 1" ? 0 : 1);
    }
  });

  it("whose attempt was given up calls no handler any more", async () => {
    const { client, driver, clock, errors } = await connected();
    const hands = new ManualHandler();
    const slow: HandleMiddleware = async (_delivery, next) => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 50));
      await next();
    };
    await client.consume(Jobs, { use: [timeout(20), slow] }, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.pass(100);
    expect(hands.began).toEqual([]);
    // It is put off, for so long that it waits on the broker: no handler was called, and no attempt used.
    const put = driver.sent("jobs");
    expect(put).toMatchObject([{ delayMs: expect.any(Number) }]);
    expect(put.every(({ headers }) => writtenAttempt(headers) === 1)).toBe(true);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toMatchObject([
      { code: "HANDLER_TIMEOUT", message: expect.stringContaining("no handler was called") },
    ]);
  });

  it("learns what the handler settled by hand", async () => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    const use: HandleMiddleware[] = [
      async (delivery, next) => {
        await next();
        seen.push(delivery.settlement);
      },
    ];
    await client.consume(Jobs, { use }, async (value, delivery) => {
      if (value === 1) await delivery.ack();
      if (value === 2) await delivery.retry();
      if (value === 3) await delivery.reject();
    });
    driver.consumer().deliver(...[1, 2, 3, 4].map((n) => delivery(n)));
    await clock.settle();
    expect(seen.sort()).toEqual(["ack", "reject", "retry", undefined]);
  });
});

describe("middleware around publishes", () => {
  it("may change headers, and sees the receipt", async () => {
    const seen: unknown[] = [];
    const { client, driver } = await connected(
      {},
      {
        middleware: {
          publish: [
            async (message, next) => {
              message.headers.trace = "t";
              const receipt = await next();
              seen.push(message.kind, message.destination, message.value, receipt.id === message.id);
              return receipt;
            },
          ],
        },
      },
    );
    await client.publish(Orders, 1, { headers: { mine: "kept" } });
    await client.send(Jobs, 2, { id: "m-2" });
    expect(driver.sent("orders")[0]?.headers).toEqual({ mine: "kept", trace: "t" });
    expect(driver.sent("jobs")[0]?.id).toBe("m-2");
    expect(seen).toEqual(["topic", "orders", 1, true, "queue", "jobs", 2, true]);
  });

  it("cannot set what the application could not", async () => {
    const { client } = await connected(
      {},
      {
        middleware: {
          publish: [
            (message, next) => {
              message.headers["waybill-attempt"] = "1";
              return next();
            },
          ],
        },
      },
    );
    expect((await failureOf(client.publish(Orders, 1)))?.code).toBe("INVALID_HEADER");
  });

  it("keeps the order of what is published in one turn", async () => {
    const { client, driver } = await connected(
      {},
      { middleware: { publish: [async (_message, next) => next()] } },
    );
    await client.publishBatch(topic<number>("keyed", { key: () => "k" }), [1, 2, 3]);
    expect(values(driver.sent("keyed"))).toEqual([1, 2, 3]);
  });

  it("that does not call `next` publishes nothing", async () => {
    const receipt = { id: "none", position: undefined, unrouted: false };
    const { client, driver } = await connected({}, { middleware: { publish: [async () => receipt] } });
    expect(await client.publish(Orders, 1)).toBe(receipt);
    expect(driver.published).toEqual([]);
  });
});

describe("a time-out around what waits", () => {
  it("uses no attempt that called no handler, and calls none when the wait is over", async () => {
    const { client, driver, clock, errors } = await connected();
    const hands = new ManualHandler();
    const use = [timeout(50), deduplicate({ store: memoryDeduplicationStore() })];
    await client.consume(Jobs, { use, retry: { maxAttempts: 2, backoff: () => 5 } }, hands.handler);
    driver.consumer().deliver(delivery(1, { id: "x" }));
    await clock.pass(60);
    expect(driver.consumer().settled).toEqual(["retry 1 after 5"]);
    // It comes again while its first handler still runs, of which it would be one more.
    driver.consumer().deliver(delivery(1, { id: "x", redeliveries: 1 }));
    await clock.pass(5_000);
    expect(hands.began).toEqual(["1"]);
    expect(driver.consumer().settled).toHaveLength(1);
    hands.end(1);
    while (hands.began.length < 2) await clock.pass(5);
    expect(hands.began).toEqual(["1", "1#2"]);
    hands.end(1);
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 5", "ack 1"]);
    expect(errors.map(({ code }) => code).sort()).toEqual(["HANDLER_FAILED", "HANDLER_TIMEOUT"]);
    expect(errors.map(({ message }) => message).join()).not.toContain("when its turn was over");
  });
});

describe("deduplicate", () => {
  it("skips and acks what was handled before, and only that", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, { use: [deduplicate({ store: memoryDeduplicationStore() })] }, hands.handler);
    for (const [value, id] of [
      [1, "a"],
      [2, "a"],
      [3, "b"],
    ] as const) {
      driver.consumer().deliver(delivery(value, { id }));
      await clock.settle();
      if (hands.began.includes(String(value))) hands.end(value);
      await clock.settle();
    }
    expect(hands.began).toEqual(["1", "3"]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2", "ack 3"]);
  });

  it("does not remember what failed, or what its handler put off or rejected", async () => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    const use = [deduplicate({ store: memoryDeduplicationStore() })];
    await client.consume(Jobs, { use, retry: { backoff: () => 0 } }, async (value, delivery) => {
      seen.push(value);
      if (seen.length > 3) return;
      if (value === 1) throw new Error("no");
      if (value === 2) await delivery.retry({ delayMs: 0 });
      if (value === 3) await delivery.reject();
    });
    for (let time = 0; time < 2; time++) {
      driver.consumer().deliver(...[1, 2, 3].map((n) => delivery(n, { id: `m-${n}`, redeliveries: time })));
      await clock.settle();
    }
    expect(seen).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it("handles two deliveries of one message at once once; when the first fails, the second has its turn", async () => {
    for (const fails of [false, true]) {
      const { client, driver, clock } = await connected();
      const hands = new ManualHandler();
      const use = [deduplicate({ store: memoryDeduplicationStore() })];
      await client.consume(Jobs, { use, retry: { backoff: () => 60_000 } }, hands.handler);
      driver.consumer().deliver(delivery(1, { id: "a" }), delivery(2, { id: "a" }));
      await clock.settle();
      expect(hands.began).toEqual(["1"]);
      if (fails) hands.fail(1);
      else hands.end(1);
      await clock.settle();
      expect(hands.began).toEqual(fails ? ["1", "2"] : ["1"]);
    }
  });

  it("fails the message when its store throws, and lets none through unchecked", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const store = {
      has: () => {
        throw new Error("the store is away");
      },
      add: () => {},
    };
    await client.consume(Jobs, { use: [deduplicate({ store })], retry: { backoff: () => 5 } }, hands.handler);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(hands.began).toEqual([]);
    expect(driver.consumer().settled).toEqual(["retry 1 after 5"]);
  });

  it("takes no message without an id for another", async () => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    await client.consume(
      Jobs,
      { use: [deduplicate({ store: memoryDeduplicationStore() })] },
      (v) => void seen.push(v),
    );
    driver.consumer().deliver(delivery(1, { id: "" }), delivery(2, { id: "" }));
    await clock.settle();
    expect(seen).toEqual([1, 2]);
  });

  it("in memory remembers no more than 16 MiB of names, whatever senders choose", async () => {
    const store = memoryDeduplicationStore({ max: 1_000_000 });
    const names = Array.from({ length: 100 }, (_, i) => `${i}${"x".repeat(500_000)}`);
    for (const name of names) await store.add(name);
    const kept = names.filter((name) => store.has(name));
    expect(kept.length).toBe(16);
    expect(kept).toEqual(names.slice(-16));
    // Short ones cost what it takes to remember them.
    const began = process.cpuUsage().user;
    const endless = memoryDeduplicationStore({ max: Number.POSITIVE_INFINITY });
    const short = Array.from({ length: 200_000 }, (_, i) => `m${i.toString(36).padStart(4, "0")}`);
    for (const name of short) await endless.add(name);
    expect(
      process.cpuUsage().user - began,
      "in time that does not grow with what is remembered",
    ).toBeLessThan(2_000_000);
    const remembered = short.filter((name) => endless.has(name));
    expect(remembered.length).toBe(Math.floor((16 * 1024 * 1024) / 150));
    expect(remembered).toEqual(short.slice(-remembered.length));
    for (const wrong of [0, Number.NaN, "5"])
      expect(() => memoryDeduplicationStore({ max: wrong as number })).toThrow("`max` takes");
    expect(() => memoryDeduplicationStore(5 as never)).toThrow("not an object");
    for (const key of [undefined, null, 5] as never[]) {
      expect(() => endless.add(key)).toThrow("`key` takes a string");
      expect(() => endless.has(key)).toThrow("`key` takes a string");
    }
  });

  it("tells groups apart, unless `key` says otherwise", async () => {
    const { client, driver, clock } = await connected();
    const store = memoryDeduplicationStore();
    const seen: unknown[] = [];
    for (const [group, key] of [
      ["a", undefined],
      ["b", undefined],
      ["c", () => "one"],
      ["d", () => "one"],
    ] as const) {
      const use = [deduplicate({ store, ...(key && { key }) })];
      await client.subscribe(Orders, { group, use }, () => void seen.push(group));
      driver.consumer().deliver(delivery(1, { id: "m" }));
      await clock.settle();
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  it("remembers nothing by what is no string", () => {
    const store = memoryDeduplicationStore();
    for (const name of [5, undefined, null, {}, 5n, ["a"]])
      for (const method of ["add", "has"] as const)
        expect(codeOf(() => store[method](name as string))).toBe("INVALID_ARGUMENT");
  });

  it("remembers only so many", () => {
    const store = memoryDeduplicationStore({ max: 2 });
    for (const name of ["a", "b", "c"]) void store.add(name);
    expect(["a", "b", "c"].map((name) => store.has(name))).toEqual([false, true, true]);
  });
});

describe("policies", () => {
  it("options that nobody reads or that make no sense are refused", () => {
    const wrong = [
      () => timeout(0),
      () => timeout(Number.NaN),
      () => circuitBreaker({ failureThreshold: 0 }),
      () => circuitBreaker({ pauseMs: -1 }),
      () => circuitBreaker({ failure: 3 } as object),
      () => deduplicate({ stor: memoryDeduplicationStore() } as unknown as Parameters<typeof deduplicate>[0]),
    ];
    expect(wrong.map((make) => codeOf(make))).toEqual([
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      "UNKNOWN_OPTION",
      "UNKNOWN_OPTION",
    ]);
  });
});

function codeOf(make: () => unknown): unknown {
  try {
    make();
    return undefined;
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
}
