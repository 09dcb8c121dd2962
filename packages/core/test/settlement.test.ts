import { describe, expect, it } from "vitest";
import { type Delivery, type Observer, queue } from "../src/index.ts";
import type { Settlement } from "../src/spi/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, gate, never, values } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => undefined });

describe("without a settlement of its own", () => {
  it("a handler that resolves acks", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, async () => {});
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("one that throws leaves it to the retry policy, whether or not it is async", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { backoff: () => 500 } }, (value) => {
      if (value === 1) throw new Error("at once");
      return Promise.reject(new Error("later"));
    });
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 500", "retry 2 after 500"]);
  });
});

describe("by hand", () => {
  it("the first settlement wins, and says so to those that come after it", async () => {
    const { client, driver, clock } = await connected();
    const results: unknown[] = [];
    await client.consume(Jobs, async (_value, delivery) => {
      results.push(delivery.settlement);
      results.push(
        await delivery.ack(),
        await delivery.retry(),
        await delivery.reject(),
        await delivery.ack(),
      );
      results.push(delivery.settlement);
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(results).toEqual([
      undefined,
      "settled",
      "already-settled",
      "already-settled",
      "already-settled",
      "ack",
    ]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("`retry` waits as long as it says, else as the policy says", async () => {
    const { client, driver, clock } = await connected();
    const reasons: unknown[] = [];
    const backoff = (_attempt: number, reason: unknown) => {
      reasons.push(reason);
      return 700;
    };
    await client.consume(Jobs, { retry: { backoff } }, (value, delivery) =>
      delivery.retry(value === 1 ? { delayMs: 42 } : { reason: "busy" }),
    );
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 42", "retry 2 after 700"]);
    expect(reasons).toEqual(["busy"]);
  });

  it("`retry` of the last attempt dead-letters", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, { retry: { maxAttempts: 2 } }, (_value, delivery) => delivery.retry());
    driver.consumer().deliver(delivery(1, { redeliveries: 1 }));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(driver.sent("jobs..dead")[0]?.headers).toMatchObject({ "waybill-dead-attempts": "2" });
  });

  it("`retry` with a delay that makes no sense, or an option that nobody reads, is refused", async () => {
    const { client, driver, clock } = await connected();
    const codes: unknown[] = [];
    await client.consume(Jobs, async (_value, delivery) => {
      codes.push((await failureOf(delivery.retry({ delayMs: -1 })))?.code);
      const wrong = { delay: 5 } as Parameters<Delivery["retry"]>[0];
      codes.push((await failureOf(delivery.retry(wrong)))?.code);
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(codes).toEqual(["INVALID_ARGUMENT", "UNKNOWN_OPTION"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("that is refused and that nobody awaits is told of once, and does not end the process", async () => {
    const { client, driver, clock, errors } = await connected();
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", onUnhandled);
    const hostile = {
      get delayMs(): number {
        throw new Error("not to be read");
      },
    };
    await client.consume(Jobs, async (value, delivery) => {
      if (value === 1) void delivery.retry({ delayMs: -1 });
      else if (value === 2) void delivery.retry(hostile);
      else await delivery.retry({ delayMs: -1 }).catch(() => {});
    });
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    await clock.settle();
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["INVALID_ARGUMENT", "INVALID_ARGUMENT"]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2", "ack 3"]);
  });

  it("the first wins also where the retry policy's own functions settle, and nothing else is told", async () => {
    for (const how of ["retry", "reject"] as const) {
      const { client, driver, clock, errors } = await connected();
      let under: Delivery | undefined;
      const results: unknown[] = [];
      const settle = () => {
        for (const each of ["ack", "retry", "reject"] as const)
          void under?.[each]().then((result) => results.push(result));
      };
      const backoff = () => {
        settle();
        return 5;
      };
      const reason = {
        get message() {
          settle();
          return "busy";
        },
      };
      await client.consume(Jobs, { retry: { backoff } }, async (_value, delivery) => {
        under = delivery;
        const settled = how === "retry" ? delivery.retry({ reason }) : delivery.reject(reason);
        results.push(await settled);
      });
      driver.consumer().deliver(delivery(1));
      await clock.settle();
      expect(driver.consumer().settled).toEqual([how === "retry" ? "retry 1 after 5" : "ack 1"]);
      expect(results.filter((result) => result !== "already-settled")).toEqual(["settled"]);
      expect(errors.map(({ code }) => code)).toEqual(how === "retry" ? [] : ["DEAD_LETTERED"]);
    }
  });

  it("each may be taken from its delivery", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, (value, { ack, retry, reject }) =>
      value === 1 ? ack() : value === 2 ? retry({ delayMs: 5 }) : reject("no"),
    );
    driver.consumer().deliver(delivery(1), delivery(2), delivery(3));
    await clock.settle();
    expect(driver.consumer().settled.sort()).toEqual(["ack 1", "ack 3", "retry 2 after 5"]);
  });

  it("`reject` dead-letters at once, with its reason", async () => {
    const { client, driver, clock } = await connected();
    await client.consume(Jobs, (value, delivery) =>
      delivery.reject(value === 1 ? "no such customer" : new TypeError("wrong type")),
    );
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    const deadLettered = driver.sent("jobs..dead");
    expect(deadLettered.map(({ headers }) => headers["waybill-dead-error-message"])).toEqual([
      "no such customer",
      "wrong type",
    ]);
    expect(deadLettered[0]?.headers["waybill-dead-error-code"]).toBe("REJECTED");
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
  });

  it("a handler need not wait for it: its key does", async () => {
    const deadLettered = gate();
    const { client, driver, clock } = await connected({
      publish: (_batch, to) =>
        to.name === "keyed..dead" ? deadLettered.opened.then(() => undefined) : undefined,
    });
    const began: number[] = [];
    await client.consume(Keyed, (value, delivery) => {
      began.push(value);
      if (value === 1) void delivery.reject();
    });
    driver.consumer().deliver(delivery(1, { key: "a" }), delivery(2, { key: "a" }));
    await clock.settle();
    expect(began).toEqual([1]);
    deadLettered.open();
    await clock.settle();
    expect(began).toEqual([1, 2]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
  });

  it("a `retry` that nobody waited for and that could not be sent is made in place", async () => {
    const { client, driver, clock } = await connected({
      capabilities: { retry: { how: "republish" } },
      publish: (batch) => batch.map(() => ({ ok: false, cause: new VendorError("PERMISSION_DENIED") })),
    });
    const attempts: number[] = [];
    await client.consume(Jobs, { retry: { backoff: () => 100 } }, (_value, delivery) => {
      attempts.push(delivery.attempt);
      if (delivery.attempt === 1) void delivery.retry();
    });
    driver.consumer().deliver(delivery(1));
    await clock.pass(200);
    expect(attempts).toEqual([1, 2]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("a `retry` that nobody waited for is lost with its message, when its copy is stored only then", async () => {
    const stored = gate<undefined>();
    const { client, driver, clock, errors } = await connected({
      capabilities: { retry: { how: "republish" } },
      publish: () => stored.opened,
    });
    const results: unknown[] = [];
    const going = gate();
    await client.consume(Jobs, async (_value, delivery) => {
      void failureOf(delivery.retry().then((result) => results.push(result))).then((failure) => {
        if (failure !== undefined) results.push(failure);
      });
      await going.opened;
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.settle();
    going.open();
    await clock.settle();
    stored.open(undefined);
    await clock.settle();
    expect(results).toEqual(["lost"]);
    expect(errors.map(({ code }) => code)).toEqual(["CONNECTION_LOST", "LEASE_LOST"]);
  });

  it("a throw after it changes nothing, and is reported", async () => {
    const { client, driver, clock, errors } = await connected();
    const cause = new Error("too late");
    await client.consume(Jobs, async (_value, delivery) => {
      await delivery.ack();
      throw cause;
    });
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toMatchObject([{ code: "HANDLER_FAILED", cause }]);
    expect(errors[0]?.remedy).not.toContain("again");
  });

  it("one that comes late from an earlier attempt in place does not reach the next", async () => {
    const { client, driver, clock } = await connected();
    const seen: Delivery[] = [];
    const second = gate();
    await client.consume(Keyed, { retry: { backoff: () => 100 } }, (_value, delivery) => {
      seen.push(delivery);
      if (delivery.attempt === 1) throw new Error("once");
      return second.opened;
    });
    driver.consumer().deliver(delivery(1, { key: "a" }));
    await clock.pass(100);
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(await seen[0]?.ack()).toBe("already-settled");
    expect(driver.consumer().settled).toEqual([]);
    second.open();
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });
});

describe("settling", () => {
  it("what ends while a call is under way goes with the next", async () => {
    const answer = gate();
    let calls = 0;
    const { client, driver, clock } = await connected({
      settle: () => (++calls === 1 ? answer.opened.then(() => undefined) : undefined),
    });
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(...[1, 2, 3, 4].map((n) => delivery(n)));
    await clock.settle();
    hands.end(1);
    await clock.settle();
    hands.end(2, 3, 4);
    await clock.settle();
    expect(driver.consumer().settlements).toHaveLength(1);
    answer.open();
    await clock.settle();
    expect(driver.consumer().settlements.map((batch) => batch.length)).toEqual([1, 3]);
  });

  it("is tried again when it fails for a passing reason", async () => {
    let calls = 0;
    const { client, driver, clock, errors } = await connected({
      settle: () => {
        if (++calls <= 2) throw new VendorError("TIMEOUT");
        return undefined;
      },
    });
    const subscription = await client.consume(Jobs, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.pass(1_000);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 1", "ack 1"]);
    expect(subscription.held).toBe(0);
    expect(errors).toEqual([]);
  });

  it("tries again only what failed", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      settle: (batch) =>
        ++calls === 1
          ? batch.map((_, i) => (i === 0 ? "settled" : { cause: new VendorError("TIMEOUT") }))
          : undefined,
    });
    await client.consume(Jobs, () => {});
    const both = [delivery(1), delivery(2)];
    driver.consumer().deliver(...both);
    await clock.pass(1_000);
    expect(driver.consumer().settled.filter((line) => line === "ack 1")).toHaveLength(1);
    expect(driver.consumer().settled.at(-1)).toBe("ack 2");
  });

  it("that keeps failing is given up and reported; the place is free again", async () => {
    const { client, driver, clock, errors } = await connected({
      settle: () => {
        throw new VendorError("TIMEOUT");
      },
    });
    const subscription = await client.consume(Jobs, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.pass(60_000);
    expect(driver.consumers[0]?.settlements).toHaveLength(5);
    expect(errors.map(({ code }) => code)).toEqual(["LEASE_LOST", "TIMEOUT"]);
    expect(subscription.held).toBe(0);
  });

  it("that is given up ends its consumer where no lease gives the message back", async () => {
    for (const lease of [undefined, { ms: 30_000 }]) {
      const { client, driver, clock, errors } = await connected({
        capabilities: { lease },
        settle: () => {
          throw new VendorError("TIMEOUT");
        },
      });
      const subscription = await client.consume(Jobs, () => {});
      driver.consumer().deliver(delivery(1));
      await clock.pass(10_000);
      expect(driver.consumers.map(({ closed }) => closed)).toEqual(lease === undefined ? [1, 0] : [0]);
      expect(errors.filter(({ code }) => code === "TIMEOUT")).toHaveLength(1);
      expect(subscription.state).toBe("running");
    }
  });

  it("that the broker refuses for good is reported at once", async () => {
    const { client, driver, clock, errors } = await connected({
      settle: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
    });
    await client.consume(Jobs, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    expect(errors.map(({ code }) => code)).toEqual(["LEASE_LOST", "PERMISSION_DENIED"]);
  });

  it("that is not answered at all ends the consumer, so that the broker delivers again", async () => {
    let calls = 0;
    const { client, driver, clock, errors } = await connected({
      settle: () => (++calls === 1 ? never : undefined),
    });
    const subscription = await client.consume(Jobs, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.pass(59_000);
    expect(driver.consumers).toHaveLength(1);
    await clock.pass(2_000);
    expect(driver.consumers.map(({ closed }) => closed)).toEqual([1, 0]);
    expect(errors.map(({ code }) => code)).toEqual(["LEASE_LOST", "TIMEOUT"]);
    driver.consumer().deliver(delivery(1, { redeliveries: 1 }));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(subscription).toMatchObject({ state: "running", held: 0 });
    expect(clock.timers).toBe(0);
  });

  it("after the broker took the message back is reported, and fatal to nobody", async () => {
    const { client, driver, clock, errors } = await connected({ settle: (batch) => batch.map(() => "lost") });
    const results: unknown[] = [];
    const subscription = await client.consume(Jobs, async (_value, delivery) => {
      results.push(await delivery.ack());
    });
    driver.consumer().deliver(delivery(1, { id: "m-1" }));
    await clock.settle();
    expect(results).toEqual(["lost"]);
    expect(errors).toMatchObject([{ code: "LEASE_LOST", details: { id: "m-1" } }]);
    expect(subscription.state).toBe("running");
  });

  it("a driver that gives too few outcomes has not settled the rest", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({ settle: () => (++calls === 1 ? [] : undefined) });
    await client.consume(Jobs, () => {});
    driver.consumer().deliver(delivery(1));
    await clock.pass(1_000);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 1"]);
  });
});

describe("the observer", () => {
  it("is told what was received, handled and settled, in that order", async () => {
    const told: unknown[] = [];
    const observer: Observer = {
      received: (from, batch) => told.push(["received", from.name, ...values(batch)]),
      handled: (_from, wire, error, ms) => told.push(["handled", ...values([wire]), error, ms]),
      settled: (_from, wire, outcome, result) => told.push(["settled", ...values([wire]), outcome, result]),
    };
    const { client, driver, clock } = await connected({}, { observer });
    const error = new Error("no");
    const hands = new ManualHandler();
    await client.consume(Jobs, { retry: { maxAttempts: 2, backoff: () => 0 } }, hands.handler);
    for (const wire of [delivery(1), delivery(2), delivery(3, { redeliveries: 1 })]) {
      driver.consumer().deliver(wire);
      await clock.pass(5);
      const [value] = values([wire]);
      if (value === 1) hands.end(value);
      else hands.fail(value, error);
      await clock.settle();
    }
    expect(told).toEqual([
      ["received", "jobs", 1],
      ["handled", 1, undefined, 5],
      ["settled", 1, "ack", "settled"],
      ["received", "jobs", 2],
      ["handled", 2, error, 5],
      ["settled", 2, "retry", "settled"],
      ["received", "jobs", 3],
      ["handled", 3, error, 5],
      ["settled", 3, "dead-letter", "settled"],
    ]);
  });
});

describe("a driver", () => {
  it("gets back the very object it delivered", async () => {
    const settled: (readonly Settlement[])[] = [];
    const { client, driver, clock } = await connected({ settle: (batch) => void settled.push(batch) });
    await client.consume(Jobs, () => {});
    const wire = delivery(1);
    driver.consumer().deliver(wire);
    await clock.settle();
    expect(settled[0]?.[0]?.delivery).toBe(wire);
  });
});
