import { describe, expect, it } from "vitest";
import {
  type Codec,
  type Delivery,
  deadLetterDetails,
  deadLetterOf,
  NonRetryableError,
  PostponedError,
  queue,
  type StandardSchema,
  topic,
} from "../src/index.ts";
import type { Capabilities } from "../src/spi/index.ts";
import { everything, type Script, VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, gate } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => undefined });
const Orders = topic<number>("orders");

const fails = async () => {
  throw new Error("the handler failed");
};
const republish = { retry: { how: "republish" } } satisfies Partial<Capabilities>;
const { delay: _delay, ...withoutDelay } = everything.features;

/** A schema that takes numbers above zero, at once or after a while. */
const positive = (later = false): StandardSchema<number> => ({
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => {
      const result =
        typeof value === "number" && value > 0
          ? { value }
          : { issues: [{ message: "must be above zero", path: ["amount"] }] };
      return later ? Promise.resolve(result) : result;
    },
  },
});

describe("a retry", () => {
  it("is the broker's where it delays redelivery itself", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { backoff: (attempt) => attempt * 100 } }, fails);
    driver.consumer().deliver(delivery(1), delivery(2, { redeliveries: 2 }));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 100", "retry 2 after 300"]);
  });

  it("is published again with the next attempt's number where the broker cannot, and acked only then", async () => {
    const stored = gate();
    const { client, driver, clock } = await connected({
      capabilities: republish,
      publish: () => stored.opened.then(() => undefined),
    });
    await client.consume(Jobs, { retry: { backoff: () => 250 } }, fails);
    const first = delivery(1, {
      headers: { trace: "t" },
      correlationId: "c",
      replyTo: "r",
      expiresAt: 2_000_000,
    });
    driver.consumer().deliver(first);
    await clock.settle();
    const [again] = driver.sent("jobs");
    expect(again).toMatchObject({
      id: first.id,
      body: first.body,
      contentType: first.contentType,
      timestamp: first.timestamp,
      delayMs: 250,
      // For core alone to judge: a broker would drop it, and its failure with it.
      expiresAt: undefined,
      correlationId: "c",
      replyTo: "r",
      headers: {
        trace: "t",
        "waybill-attempt": "2",
        "waybill-first-failed-at": String(clock.now()),
        "waybill-retry-expires-at": "2000000",
      },
    });
    expect(driver.consumer().settled).toEqual([]);
    stored.open();
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("of a group's message goes back to that group alone", async () => {
    const { client, driver, clock } = await connected({ capabilities: republish });
    await client.subscribe(Orders, { group: "billing", retry: { backoff: () => 0 } }, fails);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.published[0]?.to).toMatchObject({ kind: "group", name: "orders", group: "billing" });
  });

  it("that could not be published is made in place", async () => {
    const { client, driver, clock, errors } = await connected({
      capabilities: republish,
      publish: (batch) => batch.map(() => ({ ok: false, cause: new VendorError("PERMISSION_DENIED") })),
    });
    const attempts: number[] = [];
    await client.consume(Jobs, { retry: { backoff: () => 100 } }, (_value, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error("again");
    });
    driver.consumer().deliver(delivery(1));
    await clock.pass(500);
    expect(attempts).toEqual([1, 2, 3]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors.map(({ code }) => code)).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED"]);
  });

  const inPlace: Record<
    string,
    [Script, (client: Awaited<ReturnType<typeof connected>>["client"]) => unknown]
  > = {
    "of a keyed message": [
      {},
      (client) => client.consume(Keyed, { retry: { maxAttempts: 2, backoff: () => 100 } }, fails),
    ],
    "of a broadcast": [
      {},
      (client) =>
        client.subscribe(Orders, { broadcast: true, retry: { maxAttempts: 2, backoff: () => 100 } }, fails),
    ],
    "that waits longer than the broker can": [
      { capabilities: { retry: { how: "native", maxDelayMs: 50 }, features: withoutDelay } },
      (client) => client.consume(Jobs, { retry: { maxAttempts: 2, backoff: () => 100 } }, fails),
    ],
  };
  for (const [what, [script, begin]] of Object.entries(inPlace)) {
    it(`${what} waits in place`, async () => {
      const { client, driver, clock } = await connected(script);
      await begin(client);
      driver.consumer().deliver(delivery(1, { key: "k" }));
      await clock.pass(99);
      expect(driver.consumer().settled).toEqual([]);
      await clock.pass(1);
      expect(driver.consumer().settled).toEqual(["ack 1"]);
    });
  }

  it("takes a native delay that the broker lacks from republishing", async () => {
    const { client, driver, clock } = await connected({
      capabilities: { retry: { how: "native", maxDelayMs: 50 } },
    });
    await client.consume(Jobs, { retry: { backoff: () => 100 } }, fails);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.sent("jobs")).toMatchObject([{ delayMs: 100 }]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("longer than the broker can keep is refused when it is asked for", async () => {
    const { client } = await connected();
    await expect(
      client.consume(Jobs, { retry: { backoff: { maxMs: 120_000 } } }, fails),
    ).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });

  it("of a policy that throws or returns nonsense comes after a second", async () => {
    const { client, driver, clock } = await connected();
    const wrong = [
      () => Number.NaN,
      () => -1,
      () => Number.POSITIVE_INFINITY,
      () => {
        throw new Error("the policy failed");
      },
    ];
    const backoff = (_attempt: number, error: unknown) => wrong[Number((error as Error).message)]?.() ?? 0;
    await client.consume(Jobs, { retry: { backoff } }, (value) => {
      throw new Error(String(value));
    });
    driver.consumer().deliver(...wrong.map((_, i) => delivery(i)));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(wrong.map((_, i) => `retry ${i} after 1000`));
  });

  it("is not made for an error that says it is of no use, and is for those of a client that closes", async () => {
    const other = await connected();
    await other.client.close();
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { backoff: () => 0 } }, async (value) => {
      if (value === 1) throw new NonRetryableError("never");
      if (value === 2) throw new VendorError("PERMISSION_DENIED");
      await other.client.send(Jobs, 1);
    });
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    await clock.settle();
    expect(driver.consumer().settled.sort()).toEqual(["ack 1", "retry 2 after 0", "retry 3 after 0"]);
  });

  it("is made as `isRetryable` says, and one that throws says yes", async () => {
    const { client, driver, clock } = await connected();
    const retryable = (error: unknown) => {
      if ((error as Error).message === "3") throw new Error("the policy failed");
      return (error as Error).message === "1";
    };
    await client.consume(Jobs, { retry: { backoff: () => 0, isRetryable: retryable } }, (value) => {
      throw new Error(String(value));
    });
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    await clock.settle();
    expect(driver.consumer().settled.sort()).toEqual(["ack 2", "retry 1 after 0", "retry 3 after 0"]);
  });
});

describe("a dead-lettered message", () => {
  it("comes after exactly as many attempts as the policy allows, with the uniform headers", async () => {
    const { client, driver, clock } = await connected();
    await client.subscribe(Orders, { group: "billing", retry: { maxAttempts: 3, backoff: () => 10 } }, fails);
    const id = "m-1";
    driver.consumer().deliver(delivery(1, { id, headers: { trace: "t" }, key: "k", expiresAt: 9_000_000 }));
    const firstFailedAt = clock.now();
    await clock.pass(10);
    driver.consumer().deliver(delivery(1, { id, headers: { trace: "t" }, key: "k", redeliveries: 1 }));
    await clock.pass(10);
    driver.consumer().deliver(delivery(1, { id, headers: { trace: "t" }, key: "k", redeliveries: 2 }));
    await clock.pass(10);
    expect(driver.consumer().settled).toEqual(["retry 1 after 10", "retry 1 after 10", "ack 1"]);
    const [deadLettered] = driver.sent("orders..billing..dead");
    expect(deadLettered).toMatchObject({ id, key: undefined, expiresAt: undefined, delayMs: 0 });
    expect(deadLettered?.headers).toEqual({
      trace: "t",
      "waybill-dead-source": "orders",
      "waybill-dead-group": "billing",
      "waybill-dead-attempts": "3",
      "waybill-dead-first-failed-at": String(firstFailedAt),
      "waybill-dead-last-failed-at": String(firstFailedAt + 20),
      "waybill-dead-error-code": "HANDLER_FAILED",
      "waybill-dead-error-message": "the handler failed",
      "waybill-dead-key": "k",
    });
  });

  it("is read by `deadLetterDetails`, and other messages are none", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, fails);
    driver.consumer().deliver(delivery(1, { id: "m-1" }));
    await clock.settle();
    const [deadLettered] = driver.sent("jobs..dead");
    expect(deadLettered && deadLetterDetails(deadLettered)).toEqual({
      id: "m-1",
      source: "jobs",
      group: undefined,
      attempts: 1,
      firstFailedAt: clock.now(),
      lastFailedAt: clock.now(),
      errorCode: "HANDLER_FAILED",
      errorMessage: "the handler failed",
      headers: deadLettered?.headers,
    });
    expect(deadLetterDetails({ id: "m-2", headers: {} })).toBe(undefined);
    expect(deadLetterOf({ queue: Jobs }).name).toBe("jobs..dead");
  });

  it("is confirmed before the original is acked", async () => {
    const stored = gate();
    const { client, driver, clock } = await connected({ publish: () => stored.opened.then(() => undefined) });
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, fails);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.sent("jobs..dead")).toHaveLength(1);
    expect(driver.consumer().settled).toEqual([]);
    stored.open();
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("that cannot be stored yet is tried until it can; the original stays, and it is reported", async () => {
    let down = true;
    const { client, driver, clock, errors } = await connected({
      publish: (batch) =>
        down ? batch.map(() => ({ ok: false, cause: new VendorError("PERMISSION_DENIED") })) : undefined,
    });
    const subscription = await client.consume(Jobs, { retry: { maxAttempts: 1 } }, fails);
    driver.consumer().deliver(delivery(1));
    await clock.pass(60_000);
    expect(driver.consumer().settled).toEqual([]);
    expect(subscription.held).toBe(1);
    expect(errors[0]).toMatchObject({ code: "BROKER_ERROR", cause: { code: "PERMISSION_DENIED" } });
    down = false;
    await clock.pass(30_000);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("does not carry credentials, and no more than a thousand bytes of the error", async () => {
    const { client, driver, clock } = await connected();
    const message = `amqp://user:p/a@ss@host refused: ${"ö".repeat(2_000)}`;
    await client.consume(Jobs, { retry: { maxAttempts: 1 } }, () => {
      throw new Error(message);
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const said = driver.sent("jobs..dead")[0]?.headers["waybill-dead-error-message"] ?? "";
    expect(said).toMatch(/^amqp:\/\/\*\*\*@host refused: ö+/);
    expect(Buffer.byteLength(said)).toBeLessThanOrEqual(1_000);
    expect(said.isWellFormed()).toBe(true);
  });

  it("goes where `deadLetter` says", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { maxAttempts: 1 }, deadLetter: queue("graveyard") }, fails);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.sent("graveyard")).toHaveLength(1);
  });

  it("is none with `discard`: the message is let go", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { maxAttempts: 1 }, deadLetter: "discard" }, fails);
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.published).toEqual([]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });
});

describe("a body that the handler could not use", () => {
  const cases: Record<string, [ReturnType<typeof queue<number>>, unknown, string]> = {
    "that its schema refuses": [queue("jobs", { schema: positive() }), -1, "VALIDATION_FAILED"],
    "that its schema refuses after a while": [
      queue("jobs", { schema: positive(true) }),
      -1,
      "VALIDATION_FAILED",
    ],
    "whose schema throws": [
      queue("jobs", {
        schema: {
          "~standard": {
            version: 1,
            vendor: "test",
            validate: () => {
              throw new Error("broken schema");
            },
          },
        },
      }),
      1,
      "VALIDATION_FAILED",
    ],
    "that its codec cannot read": [
      queue("jobs", {
        codec: {
          contentType: "x",
          encode: () => new Uint8Array(),
          decode: () => {
            throw new Error("not mine");
          },
        } satisfies Codec<number>,
      }),
      1,
      "DECODE_FAILED",
    ],
  };
  for (const [what, [contract, value, code]] of Object.entries(cases)) {
    it(`${what} is dead-lettered at once, told of once, and the handler is not called`, async () => {
      const { client, driver, clock, errors } = await connected();
      let called = 0;
      await client.consume(contract, () => void called++);
      driver.consumer().deliver(delivery(value));
      await clock.settle();
      expect(called).toBe(0);
      expect(driver.sent("jobs..dead")[0]?.headers["waybill-dead-error-code"]).toBe(code);
      expect(driver.consumer().settled).toEqual([`ack ${value}`]);
      await clock.pass(60_000);
      expect(errors).toMatchObject([
        { code: "DEAD_LETTERED", cause: { code }, details: { source: "jobs", attempt: 1, code } },
      ]);
    });
  }

  it("is not valid UTF-8: no sign of it is replaced in silence", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, () => {});
    const body = Uint8Array.of(0x22, 0xff, 0x22);
    driver.consumer().deliver(delivery("", { body }));
    await clock.settle();
    expect(driver.sent("jobs..dead")[0]?.body).toEqual(body);
  });

  it("reaches the handler as its schema made it", async () => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    const doubled: StandardSchema<number, string> = {
      "~standard": { version: 1, vendor: "test", validate: async (value) => ({ value: `${value}!` }) },
    };
    await client.consume(queue("jobs", { schema: doubled }), (value, { value: same }) =>
      seen.push(value, same),
    );
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(seen).toEqual(["1!", "1!"]);
  });
});

describe("a wait that nobody could wait for", () => {
  const endless = [Number.POSITIVE_INFINITY, 1e18, 86_400_001, Number.NaN, -1, "5", null];
  const keyed = queue<number>("keyed", { key: () => "k" });

  it.each(endless)(
    "%s is refused where the application asks for it, and the message is its own still",
    async (ms) => {
      for (const jobs of [queue<number>("jobs"), keyed]) {
        const { client, driver, clock } = await connected();
        const refused: unknown[] = [];
        await client.consume(jobs, async (_value, each) => {
          const failure = await failureOf(each.retry({ delayMs: ms as number }));
          refused.push(failure?.code, each.settlement);
          await each.retry({ delayMs: 60_000 });
        });
        driver.consumer().deliver(delivery(1, { key: "k" }));
        await clock.pass(59_999);
        expect(refused).toEqual(["INVALID_ARGUMENT", undefined]);
        await clock.pass(1);
        expect(jobs === keyed ? refused.length : driver.consumer().settled).toEqual(
          jobs === keyed ? 4 : ["retry 1 after 60000"],
        );
      }
    },
  );

  it.each([...endless, "a promise", "a rejection"])(
    "%s from a backoff function is a second, and told of once",
    async (answer) => {
      const { client, driver, clock, errors } = await connected();
      const backoff = () => {
        if (answer === "a promise") return Promise.resolve(5);
        return answer === "a rejection" ? Promise.reject(new Error("late")) : answer;
      };
      await client.consume(queue("jobs"), { retry: { backoff: backoff as () => number } }, () => {
        throw new Error("no");
      });
      driver.consumer().deliver(delivery(1), delivery(2));
      await clock.settle();
      expect(driver.consumer().settled).toEqual(["retry 1 after 1000", "retry 2 after 1000"]);
      expect(errors).toMatchObject([
        { code: "INVALID_ARGUMENT", message: expect.stringContaining("`retry.backoff`") },
      ]);
    },
  );

  it("is a day where a handler postpones for longer", async () => {
    const { client, driver, clock } = await connected();
    const began: number[] = [];
    await client.consume(queue("jobs"), () => {
      began.push(clock.monotonic());
      if (began.length === 1) throw new PostponedError("away", { delayMs: 1e15 });
    });
    driver.consumer().deliver(delivery(1));
    await clock.pass(86_400_000);
    expect(began).toEqual([0, 86_400_000]);
  });

  it("is not cut where what the application asked for outlives its consumer", async () => {
    const { client, driver, clock } = await connected();
    let calls = 0;
    const options = { retry: { backoff: { maxMs: 1_000 } } };
    const handler = async (_value: unknown, each: Delivery) =>
      void (++calls === 1 ? await each.retry({ delayMs: 50_000 }) : undefined);
    const subscription = await client.consume(keyed, options, handler);
    const message = delivery(1, { key: "k" });
    driver.consumer().deliver(message);
    await clock.pass(10_000);
    await subscription.close();
    await client.consume(keyed, options, handler);
    driver.consumer().deliver({ ...message, redeliveries: 1 });
    await clock.pass(39_999);
    expect(calls).toBe(1);
    await clock.pass(1);
    expect(calls).toBe(2);
  });
});

it("an asynchronous `isRetryable` is told of once, and ends no process", async () => {
  const { client, driver, clock, errors } = await connected();
  for (const answer of [async () => false, () => Promise.reject(new Error("late"))]) {
    const isRetryable = answer as unknown as () => boolean;
    await client.consume(queue("jobs"), { retry: { isRetryable, backoff: () => 5 } }, () => {
      throw new Error("no");
    });
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 5", "retry 2 after 5"]);
  }
  expect(errors.map(({ message }) => message)).toEqual(
    Array.from({ length: 2 }, () => expect.stringContaining("`retry.isRetryable`")),
  );
});
