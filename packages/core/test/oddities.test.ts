import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { errorCodes } from "../src/errors/codes.ts";
import {
  type Codec,
  type Delivery,
  deadLetterDetails,
  deduplicate,
  type ErrorCode,
  type HandleMiddleware,
  json,
  MessagingError,
  memoryDeduplicationStore,
  NonRetryableError,
  queue,
  topic,
} from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, delivery, gate, never, values } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Events = topic<number>("events");
const details = (message: { id: string; headers: Readonly<Record<string, string>> } | undefined) =>
  message && deadLetterDetails(message);

/** What applications throw, and worse. */
const oddErrors: Record<string, () => unknown> = {
  "an error whose message is an object": () => Object.assign(new Error("x"), { message: { code: 42 } }),
  "an object without a prototype": () => Object.assign(Object.create(null), { code: 3 }),
  "an error whose message throws": () =>
    Object.defineProperty(new Error("x"), "message", {
      get() {
        throw new Error("even this");
      },
    }),
  nothing: () => undefined,
  "a symbol": () => Symbol("odd"),
  "a proxy that refuses everything": () =>
    new Proxy(
      {},
      {
        get() {
          throw new Error("no");
        },
        getPrototypeOf() {
          throw new Error("no");
        },
        has() {
          throw new Error("no");
        },
      },
    ),
};

describe.each(Object.entries(oddErrors))("%s", (_name, make) => {
  const ways: Record<string, (value: number) => unknown> = {
    "thrown by a handler": () => {
      throw make();
    },
    "rejected with": () => Promise.reject(make()),
  };
  it.each(Object.entries(ways))("%s is one failed message, and the loop goes on", async (_way, handle) => {
    const { client, driver, clock } = await connected();
    const seen: number[] = [];
    await client.consume(Jobs, { concurrency: 1, prefetch: 1, retry: { maxAttempts: 1 } }, (value) =>
      value === 1 ? handle(value) : void seen.push(value),
    );
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    expect(seen).toEqual([2]);
    expect(values(driver.sent("jobs..dead"))).toEqual([1]);
    expect(details(driver.sent("jobs..dead")[0])?.errorMessage).not.toBe("");
  });

  it("as the reason of a reject, or thrown by a codec, is one failed message", async () => {
    const { client, driver, clock } = await connected();
    const codec: Codec<unknown> = {
      ...json,
      decode(body) {
        const value = json.decode(body);
        if (value === 1) throw make();
        return value;
      },
    };
    await client.consume(
      queue<number>("jobs", { codec }),
      { concurrency: 1, prefetch: 1 },
      (value, { reject }) => (value === 2 ? reject(make()) : undefined),
    );
    await client.consume(queue<number>("other"), { concurrency: 1 }, async (_value, each) => {
      await each.reject(make());
    });
    driver.consumer("jobs").deliver(delivery(1), delivery(3));
    driver.consumer("other").deliver(delivery(2), delivery(4));
    await clock.settle();
    expect(values(driver.sent("jobs..dead"))).toEqual([1]);
    expect(driver.consumer("jobs").settled).toContain("ack 3");
    expect(values(driver.sent("other..dead"))).toEqual([2, 4]);
  });
});

it("a thenable whose `then` throws is a failed message", async () => {
  const { client, driver, clock } = await connected();
  await client.consume(Jobs, { retry: { maxAttempts: 1 } }, () => ({
    // biome-ignore lint/suspicious/noThenProperty: that is what it is about
    then() {
      throw new Error("lazy query failed");
    },
  }));
  driver.consumer().deliver(delivery(1));
  await clock.settle();
  expect(details(driver.sent("jobs..dead")[0])?.errorMessage).toBe("lazy query failed");
});

it("a middleware that forgets to await `next` loses nothing, and is told of once", async () => {
  const { client, driver, clock, errors } = await connected();
  const use = [
    async (_delivery: unknown, next: () => Promise<void>) => {
      next();
    },
  ];
  await client.consume(Jobs, { use, retry: { maxAttempts: 1 } }, async () => {
    await Promise.resolve();
    throw new Error("failed");
  });
  driver.consumer().deliver(delivery(1), delivery(2));
  await clock.settle();
  expect(values(driver.sent("jobs..dead")).sort()).toEqual([1, 2]);
  expect(errors.filter(({ message }) => message.includes("Await `next()`"))).toHaveLength(1);
});

describe("nothing is lost in silence", () => {
  it("a broadcast whose handler fails for good is told of", async () => {
    const { client, driver, clock, errors } = await connected();
    await client.subscribe(Events, { broadcast: true, retry: { maxAttempts: 1 } }, () => {
      throw new Error("no");
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(errors).toMatchObject([{ code: "DROPPED", details: { source: "events", attempt: 1 } }]);
  });

  it("a broadcast's own dead-letter queue is named, and no redrive, which has nobody to bring it back to", async () => {
    const { client, driver, clock, errors } = await connected();
    const deadLetter = queue("own");
    await client.subscribe(Events, { broadcast: true, deadLetter }, () => {
      throw new NonRetryableError("no");
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.sent("own")).toHaveLength(1);
    expect(errors).toMatchObject([{ code: "DEAD_LETTERED", details: { source: "events" } }]);
    expect(errors[0]?.remedy).not.toContain("`redrive` it");
  });

  it("a dead-lettered message is told of with source, group, attempt, code and cause", async () => {
    const { client, driver, clock, errors } = await connected();
    const cause = new NonRetryableError("no");
    await client.subscribe(Events, { group: "g" }, () => Promise.reject(cause));
    driver.consumer().deliver(delivery(1, { id: "m" }));
    await clock.settle();
    const told = { id: "m", source: "events", group: "g", attempt: 1, code: "HANDLER_FAILED" };
    expect(errors).toMatchObject([{ code: "DEAD_LETTERED", details: told, cause }]);
    expect(errors[0]?.remedy).toContain("`redrive` it");
  });

  it("a dead-letter queue that does not exist is refused where topology is verified", async () => {
    const { client } = await connected(
      { inspect: ({ name }) => ({ exists: name !== "jobs..dead" }) },
      { topology: "verify" },
    );
    await expect(client.consume(Jobs, () => {})).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("a dead-letter queue that feeds itself is refused, alone or in a ring", async () => {
    const { client } = await connected();
    await expect(client.consume(Jobs, { deadLetter: Jobs }, () => {})).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    const Other = queue<number>("other");
    await client.consume(Jobs, { deadLetter: Other }, () => {});
    await expect(client.consume(Other, { deadLetter: Jobs }, () => {})).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  it("a loop that holds all it may and settles nothing is told of once", async () => {
    const { client, driver, clock, errors } = await connected();
    const messages = client.messages(Jobs, { concurrency: 2 });
    await messages.ready();
    driver.consumer().deliver(...[1, 2, 3].map((n) => delivery(n)));
    await messages.next();
    await messages.next();
    void messages.next();
    void messages.next();
    await clock.pass(60_000);
    expect(errors).toMatchObject([{ code: "OVERLOADED" }]);
  });
});

describe("a dead-letter queue that refuses a message for good", () => {
  const tooLarge = { ok: false, cause: { code: "too large" } } as const;
  const refusing = (refuses: (bytes: number, headers: number) => boolean) =>
    connected({
      publish: (batch, to) =>
        batch.map((message) =>
          to.name === "jobs..dead" &&
          refuses(message.body.length, Object.keys(message.headers).filter((name) => name === "big").length)
            ? { ...tooLarge, cause: Object.assign(new Error("too large"), refusal) }
            : { ok: true },
        ),
    });
  const refusal = {
    code: "MESSAGE_TOO_LARGE",
    retryable: false,
    [Symbol.for("waybill.MessagingError")]: true,
  };
  const fail = () => Promise.reject(new NonRetryableError("no"));

  it("gets it without its headers, with a note", async () => {
    const { client, driver, clock, errors } = await refusing((_bytes, headers) => headers > 0);
    await client.consume(Jobs, fail);
    driver.consumer().deliver(delivery(1, { headers: { big: "x" } }));
    await clock.settle();
    const stored = driver.sent("jobs..dead").at(-1);
    expect(stored?.headers).toMatchObject({ "waybill-dead-omitted": "headers" });
    expect(values([stored as NonNullable<typeof stored>])).toEqual([1]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors.at(-1)?.message).toContain("Left out: headers");
  });

  const answering = (answer: (body: number) => ErrorCode | undefined) =>
    connected({
      publish: (batch, to) =>
        batch.map(({ body }) => {
          const code = to.name === "jobs..dead" ? answer(body.length) : undefined;
          return code === undefined ? { ok: true } : { ok: false, cause: new VendorError(code, false) };
        }),
    });

  it.each(["MESSAGE_TOO_LARGE", "INVALID_HEADER", "INVALID_ARGUMENT", "SERIALIZATION_FAILED"] as const)(
    "with %s, which is about the message, does not stall the group: it is dropped and told of",
    async (code) => {
      const { client, driver, clock, errors } = await answering(() => code);
      await client.consume(Jobs, { concurrency: 1 }, fail);
      driver.consumer().deliver(delivery(1), delivery(2));
      await clock.pass(100);
      expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
      expect(errors.map((error) => error.code)).toEqual(["DROPPED", "DROPPED"]);
    },
  );

  it.each(["BROKER_ERROR", "UNSUPPORTED"] as const)(
    "with %s, which may be about either, gets the form that it takes",
    async (code) => {
      const { client, driver, clock } = await answering((body) => (body > 0 ? code : undefined));
      await client.consume(Jobs, fail);
      driver.consumer().deliver(delivery(1, { headers: { a: "1" } }));
      await clock.pass(100);
      expect(driver.sent("jobs..dead").at(-1)?.headers).toMatchObject({
        "waybill-dead-omitted": "headers, body",
      });
      expect(driver.consumer().settled).toEqual(["ack 1"]);
    },
  );

  it.each([
    "BROKER_ERROR",
    "UNSUPPORTED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "AUTHENTICATION_FAILED",
    "TOPOLOGY_MISMATCH",
  ] as const)("with %s for whatever it gets is waited for, and gets the whole message", async (code) => {
    let isAway = true;
    const { client, driver, clock, errors } = await answering(() => (isAway ? code : undefined));
    await client.consume(Jobs, { concurrency: 1 }, fail);
    driver.consumer().deliver(delivery(1, { headers: { a: "1" } }));
    await clock.pass(5_000);
    expect(driver.consumer().settled).toEqual([]);
    expect(new Set(errors.map((error) => error.code))).toEqual(new Set(["BROKER_ERROR"]));
    isAway = false;
    await clock.pass(60_000);
    const stored = driver.sent("jobs..dead").at(-1);
    expect(values([stored as NonNullable<typeof stored>])).toEqual([1]);
    expect(stored?.headers).toMatchObject({ a: "1" });
    expect(stored?.headers).not.toHaveProperty("waybill-dead-omitted");
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("or it is dropped and told of: it does not stall the group", async () => {
    const { client, driver, clock, errors } = await refusing(() => true);
    await client.consume(Jobs, { concurrency: 1 }, fail);
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.pass(100);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
    expect(errors.map(({ code }) => code)).toEqual(["DROPPED", "DROPPED"]);
  });
});

describe("what pretends to be an error of Waybill's", () => {
  const sound = {
    [Symbol.for("waybill.MessagingError")]: true,
    code: "TIMEOUT",
    retryable: true,
    message: "m",
  };
  const throwing = (name: string) =>
    Object.defineProperty({ ...sound }, name, {
      get() {
        throw new Error("no");
      },
    });
  const pretenders = {
    "nothing but the mark": { [Symbol.for("waybill.MessagingError")]: true },
    "a code that is an object": { ...sound, code: {} },
    "a code that is a list": { ...sound, code: ["TIMEOUT"] },
    "a code of nobody's": { ...sound, code: "toString" },
    "`retryable` that is no boolean": { ...sound, retryable: "false" },
    "a message that is none": { ...sound, message: 5 },
    "a code that throws": throwing("code"),
    "`retryable` that throws": throwing("retryable"),
    "a message that throws": throwing("message"),
    "postponed, with a delay that throws": { ...throwing("delayMs"), code: "POSTPONED" },
    "postponed for no time that there is": { ...sound, code: "POSTPONED", delayMs: Number.NaN },
    "postponed for ever": { ...sound, code: "POSTPONED", delayMs: Number.POSITIVE_INFINITY },
    "a code that is another the second time": Object.defineProperty({ ...sound, reads: 0 }, "code", {
      get(this: { reads: number }) {
        return this.reads++ % 2 === 0 ? "TIMEOUT" : {};
      },
    }),
  };

  it.each(Object.entries(pretenders))("%s, thrown by a handler, is one failed message", async (_, thrown) => {
    const { client, driver, clock, errors } = await connected();
    await client.consume(Jobs, { retry: { maxAttempts: 2, backoff: () => 0 } }, () => Promise.reject(thrown));
    for (let redeliveries = 0; redeliveries < 2; redeliveries++) {
      driver.consumer().deliver(delivery(1, { id: "m", redeliveries }));
      await clock.pass(10);
    }
    expect(driver.consumer().settled).toEqual(["retry 1 after 0", "ack 1"]);
    const code = driver.sent("jobs..dead")[0]?.headers["waybill-dead-error-code"];
    expect(Object.keys(errorCodes)).toContain(code);
    expect(errors.map(({ code }) => code)).toEqual(["DEAD_LETTERED"]);
    expect(client.health().pendingPublishes).toBe(0);
    // As if nothing had been: the room for what is to be published is counted in numbers.
    await client.send(queue<string>("other"), "x".repeat(5_000));
  });

  it("is known from one that is sound, whichever copy made it", () => {
    const known = Object.entries({ ...pretenders, sound }).filter(([, value]) =>
      MessagingError.isInstance(value),
    );
    expect(known.map(([name]) => name).filter((name) => !/^postponed|second/.test(name))).toEqual(["sound"]);
  });
});

describe("an application that freezes what it is given", () => {
  const deepFreeze = (value: unknown): void => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value))
      return;
    Object.freeze(value);
    for (const name of Reflect.ownKeys(value)) deepFreeze(Reflect.get(value, name));
  };
  const ways: Record<string, (each: Delivery) => unknown> = {
    "and returns": () => {},
    "and resolves": async () => {},
    "and acks": (each) => each.ack(),
    "and asks for a retry": (each) => each.attempt === 1 && each.retry({ delayMs: 5 }),
    "and throws": (each) => {
      if (each.attempt === 1) throw new Error("no");
    },
    "and heeds its signal": (each) => each.signal.addEventListener("abort", () => {}),
  };

  it.each(Object.entries(ways))("%s, has its messages settled", async (_, way) => {
    for (const jobs of [Jobs, queue<number>("keyed", { key: () => "k" })]) {
      const { client, driver, clock, errors } = await connected();
      deepFreeze(client);
      const freezes: HandleMiddleware = (each, next, context) => {
        for (const given of [each, each.subscription, each.headers]) deepFreeze(given);
        Object.freeze(context);
        return next();
      };
      const options = { use: [freezes], retry: { backoff: () => 5 } };
      const subscription = await client.consume(jobs, options, (_value, each) => way(each));
      deepFreeze(subscription);
      driver.consumer().deliver(delivery(1, { id: "m", key: "k" }));
      await clock.pass(10);
      if (driver.consumer().settled[0] === "retry 1 after 5")
        driver.consumer().deliver(delivery(1, { id: "m", redeliveries: 1 }));
      await clock.pass(10);
      expect(driver.consumer().settled.at(-1)).toBe("ack 1");
      expect(errors).toEqual([]);
      expect(driver.consumers).toHaveLength(1);
      await Promise.all([client.close(), clock.pass(100)]);
    }
  });
});

describe("a time to live", () => {
  it("that is over when a failed message comes again dead-letters it, after the attempts that were made", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, () => {});
    const headers = {
      "waybill-attempt": "3",
      "waybill-first-failed-at": "1",
      "waybill-retry-expires-at": String(clock.now() - 1),
    };
    driver.consumer().deliver(delivery(1, { headers }));
    await clock.settle();
    expect(details(driver.sent("jobs..dead")[0])).toMatchObject({
      errorCode: "EXPIRED",
      errorMessage: expect.stringContaining("had failed"),
      attempts: 2,
    });
    expect(driver.sent("jobs..dead")[0]?.headers).not.toHaveProperty("waybill-retry-expires-at");
  });

  const Keyed = queue<number>("keyed", { key: () => "k" });
  const ways = {
    native: [Jobs, {}],
    republished: [Jobs, { capabilities: { retry: { how: "republish" } } }],
    "in place": [Keyed, {}],
  } as const;
  it.each(Object.entries(ways))(
    "%s: what would expire before its next attempt keeps its failure",
    async (_how, [jobs, script]) => {
      const { client, driver, clock } = await connected(script);
      let calls = 0;
      await client.consume(jobs, { retry: { backoff: () => 300 } }, () => {
        calls++;
        throw new Error("no");
      });
      driver.consumer().deliver(delivery(1, { expiresAt: clock.now() + 200, key: "k" }));
      await clock.pass(1_000);
      expect(calls).toBe(1);
      expect(driver.sent(jobs.name)).toEqual([]);
      expect(details(driver.sent(`${jobs.name}..dead`)[0])?.errorMessage).toBe("no");
    },
  );

  it("counts no attempt that was not made because it had expired", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, () => {});
    driver.consumer().deliver(delivery(1, { expiresAt: clock.now() - 1, redeliveries: 1 }));
    await clock.settle();
    expect(details(driver.sent("jobs..dead")[0])).toMatchObject({ errorCode: "EXPIRED", attempts: 1 });
  });

  it("of what the broker alone has counted is over: dead-lettered as expired, and not as failed", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { maxAttempts: 3 } }, () => {});
    driver.consumer().deliver(delivery(1, { expiresAt: clock.now() - 1, redeliveries: 1 }));
    driver.consumer().deliver(delivery(2, { expiresAt: clock.now() - 1, redeliveries: 2 }));
    await clock.pass(1_000);
    const told = driver.sent("jobs..dead").map((each) => details(each));
    expect(told).toHaveLength(2);
    for (const { errorCode, errorMessage } of told as { errorCode: string; errorMessage: string }[]) {
      expect(errorCode).toBe("EXPIRED");
      expect(errorMessage).toMatch(/^The message expired\. .* not known here\./);
    }
  });
});

describe("a time to live where the broker tells its time", () => {
  const hourMs = 3_600_000;
  let now = () => Number.NaN;

  it("is dated by it, not by the publisher's clock, and also while the connection is away", async () => {
    let clock0 = 0;
    const { client, driver, clock } = await connected({ brokerTime: () => clock0 + hourMs });
    clock0 = clock.now();
    await client.send(Jobs, 1, { ttlMs: 500 });
    expect(driver.sent("jobs")[0]).toMatchObject({ expiresAt: clock0 + hourMs + 500, timestamp: clock0 });
    driver.connection.hooks.lost(new MessagingError("CONNECTION_LOST", "gone"));
    const sent = client.send(Jobs, 2, { ttlMs: 500 });
    await clock.pass(1_000);
    await sent;
    expect(driver.sent("jobs")[1]?.expiresAt).toBe(clock0 + hourMs + 500);
  });

  it("is over by it, not by the consumer's clock: nothing fresh is dropped, nothing expired is handled", async () => {
    const handled: number[] = [];
    let behindMs = hourMs;
    const { client, driver, clock } = await connected({ brokerTime: () => now() - behindMs });
    now = () => clock.now();
    await client.consume(Jobs, (value) => void handled.push(value));
    driver.consumer().deliver(delivery(1, { expiresAt: clock.now() - hourMs + 10 }));
    await clock.settle();
    expect(handled).toEqual([1]);
    behindMs = -hourMs;
    driver.consumer().deliver(delivery(2, { expiresAt: clock.now() + hourMs - 10 }));
    await clock.settle();
    expect(handled).toEqual([1]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
  });

  it("decides as well whether a failed message would expire before its next attempt", async () => {
    const { client, driver, clock } = await connected({ brokerTime: () => now() - hourMs });
    now = () => clock.now();
    await client.consume(Jobs, { retry: { backoff: () => 300 } }, () => {
      throw new Error("no");
    });
    driver.consumer().deliver(delivery(1, { expiresAt: clock.now() - hourMs + 1_000 }));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 300"]);
  });

  it("goes by this computer's clock where the broker tells none", async () => {
    const { client, driver, clock } = await connected({ brokerTime: () => undefined });
    await client.send(Jobs, 1, { ttlMs: 500 });
    expect(driver.sent("jobs")[0]?.expiresAt).toBe(clock.now() + 500);
  });
});

describe("closing", () => {
  it("tells a handler that settled early, too", async () => {
    const { client, driver, clock } = await connected();
    const told: number[] = [];
    const subscription = await client.consume(Jobs, async (value, each) => {
      if (value === 1) await each.ack();
      await new Promise<void>((resolve) => each.signal.addEventListener("abort", () => resolve()));
      told.push(value);
    });
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    const closing = subscription.close({ timeoutMs: 100 });
    await clock.pass(10_000);
    await closing;
    expect(told).toEqual([1, 2]);
  });

  it("from inside a handler is seen and said, and not waited out", async () => {
    const { client, driver, clock, errors } = await connected();
    const closed = gate();
    const subscription = await client.consume(Jobs, async () => {
      await subscription.close({ timeoutMs: 60_000 });
      closed.open();
    });
    driver.consumer().deliver(delivery(1));
    await clock.pass(100);
    await closed.opened;
    await subscription.ended;
    expect(errors).toMatchObject([{ code: "INVALID_ARGUMENT" }]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("waits for no delivery that a loop did not take", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs);
    driver.script.consume;
    await messages.ready();
    driver.consumer().deliver(...[1, 2, 3].map((n) => delivery(n)));
    const { value: first } = await messages.next();
    await first.ack();
    await clock.settle();
    await client.close();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });
});

describe("asynchronous context", () => {
  const context = new AsyncLocalStorage<string>();
  it("of a handler is not that of whoever resumed, subscribed, or ran before", async () => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    const subscription = await context.run("a request", () =>
      client.consume(Jobs, { concurrency: 1 }, async (value) => {
        seen.push(context.getStore());
        context.enterWith(`handler ${value}`);
      }),
    );
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    subscription.pause();
    driver.consumer().deliver(delivery(3));
    await clock.settle();
    context.run("another request", () => subscription.resume());
    await clock.settle();
    expect(seen).toEqual([undefined, undefined, undefined]);
  });
});

it("partitions may move while their consumer is still being opened", async () => {
  const { client, errors } = await connected({
    capabilities: { settlement: "cumulative" },
    consume: async ({ hooks }) => {
      hooks.revoked(["p0"]);
      await hooks.revoking(["p1"]);
    },
  });
  await client.subscribe(Events, { group: "g" }, () => {});
  expect(errors).toEqual([]);
});

it("the longest lease counts from when the handler starts", async () => {
  const { client, driver, clock } = await connected({ capabilities: { lease: { ms: 3_000 } } });
  const handler = new ManualHandler();
  await client.consume(Jobs, { concurrency: 1, maxLeaseMs: 10_000 }, handler.handler);
  driver.consumer().deliver(delivery(1), delivery(2));
  await clock.pass(9_000);
  handler.end(1);
  await clock.pass(9_000);
  expect(handler.delivery(2).signal.aborted).toBe(false);
  await clock.pass(3_000);
  expect(handler.delivery(2).signal.aborted).toBe(true);
});

it("a schema that never answers holds up one message, not its neighbours", async () => {
  const schema = {
    "~standard": {
      version: 1 as const,
      vendor: "test",
      validate: (value: unknown) => (value === 1 ? never : { value: value as number }),
    },
  };
  const { client, driver, clock } = await connected();
  const seen: number[] = [];
  await client.consume(
    queue<number>("jobs", { schema }),
    { concurrency: 2 },
    (value) => void seen.push(value),
  );
  driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
  await clock.settle();
  expect(seen).toEqual([2, 3]);
});

describe("an answer that is a promise or cannot be read", () => {
  const unreadable = () => ({
    get value() {
      throw new Error("no");
    },
  });
  const schemas: Record<string, (value: unknown) => unknown> = {
    "a schema's value that cannot be read": (value) => (value === 1 ? unreadable() : { value }),
    "a schema's value that cannot be read, later": async (value) => (value === 1 ? unreadable() : { value }),
  };
  it.each(Object.entries(schemas))("%s is one failed message, and the loop goes on", async (_, validate) => {
    const { client, driver, clock } = await connected();
    const schema = { "~standard": { version: 1, vendor: "odd", validate } } as never;
    const seen: unknown[] = [];
    const jobs = queue<number, number>("jobs", { schema });
    await client.consume(jobs, { concurrency: 1 }, (value) => void seen.push(value));
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    await clock.settle();
    expect(seen).toEqual([2, 3]);
    expect(details(driver.sent("jobs..dead")[0])?.errorCode).toBe("VALIDATION_FAILED");
    await expect(client.send(jobs, 1)).rejects.toMatchObject({ code: "VALIDATION_FAILED" });
  });

  it.each([
    ["resolves", async () => 1],
    ["rejects", async () => Promise.reject(new Error("no"))],
  ])("a codec whose decode %s is one failed message", async (_, decode) => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    await client.consume(
      queue<number>("jobs", { codec: { ...json, decode } as never }),
      (value) => void seen.push(value),
    );
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(seen).toEqual([]);
    expect(details(driver.sent("jobs..dead")[0])?.errorCode).toBe("DECODE_FAILED");
  });

  it("a key of deduplicate() that rejects is one failed message", async () => {
    const { client, driver, clock } = await connected();
    const key = (() => Promise.reject(new Error("no"))) as never;
    const use = [deduplicate({ store: memoryDeduplicationStore(), key })];
    await client.consume(Jobs, { use, retry: { maxAttempts: 1 } }, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(values(driver.sent("jobs..dead"))).toEqual([1]);
  });
});
