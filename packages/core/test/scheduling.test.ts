import { describe, expect, it } from "vitest";
import { queue, topic } from "../src/index.ts";
import { ManualHandler } from "./manual-handler.ts";
import { connected, delivery } from "./workbench.ts";

const Jobs = queue<number>("jobs");
const Keyed = queue<number>("keyed", { key: () => "unused when consuming" });

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const keyed = (key: string, ...values: number[]) => values.map((value) => delivery(value, { key }));
const retryAfter = (ms: number) => ({ retry: { backoff: () => ms } });

describe("concurrency", () => {
  it("is never exceeded, and is reached", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 3 }, hands.handler);
    driver.consumer().deliver(...numbers(10).map((n) => delivery(n)));
    await clock.settle();
    expect(hands.began).toEqual(["1", "2", "3"]);
    expect(subscription.running).toBe(3);
    hands.end(2);
    await clock.settle();
    expect(hands.began).toEqual(["1", "2", "3", "4"]);
    expect(hands.most).toBe(3);
  });

  it("can be raised and lowered while running", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 1 }, hands.handler);
    driver.consumer().deliver(...numbers(10).map((n) => delivery(n)));
    await clock.settle();
    subscription.setConcurrency(3);
    expect(hands.began).toEqual(["1", "2", "3"]);
    subscription.setConcurrency(1);
    hands.end(1, 2);
    await clock.settle();
    expect(hands.began).toEqual(["1", "2", "3"]);
    hands.end(3);
    await clock.settle();
    expect(hands.began).toEqual(["1", "2", "3", "4"]);
  });

  it("can be raised above what is held by default, and then more is fetched", async () => {
    const { client, driver, clock } = await connected({ growingPrefetch: true });
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(...numbers(100).map((n) => delivery(n)));
    await clock.settle();
    subscription.setConcurrency(300);
    expect(driver.consumer().prefetches).toEqual([1_200]);
    driver.consumer().deliver(...numbers(400).map((n) => delivery(1_000 + n)));
    await clock.settle();
    expect(subscription.running).toBe(300);
    expect(driver.consumers).toHaveLength(1);
  });

  it("above what an adapter that cannot fetch more holds is refused", async () => {
    const { client } = await connected();
    const subscription = await client.consume(Jobs, () => {});
    subscription.setConcurrency(100);
    expect(() => subscription.setConcurrency(101)).toThrowError(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });

  it("above a `prefetch` of the application's own is refused, as at the beginning", async () => {
    const { client } = await connected();
    const subscription = await client.consume(Jobs, { prefetch: 20 }, () => {});
    subscription.setConcurrency(20);
    expect(() => subscription.setConcurrency(21)).toThrowError(
      expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: expect.stringContaining("`prefetch` (20)"),
      }),
    );
  });

  it("of less than one is refused", async () => {
    const { client } = await connected();
    const subscription = await client.consume(Jobs, () => {});
    for (const wrong of [0, -1, 1.5, Number.NaN]) {
      expect(() => subscription.setConcurrency(wrong)).toThrowError(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
    }
  });

  it("handlers that return at once do not pile up on the stack", async () => {
    const { client, driver } = await connected();
    let handled = 0;
    await client.consume(Jobs, { prefetch: 20_000 }, () => void handled++);
    driver.consumer().deliver(...numbers(20_000).map((n) => delivery(n)));
    await expect.poll(() => handled).toBe(20_000);
  });
});

describe("prefetch", () => {
  it("is the most that is held, running ones included", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 2, prefetch: 4 }, hands.handler);
    const consumer = driver.consumer();
    consumer.deliver(...numbers(10).map((n) => delivery(n)));
    await clock.settle();
    expect(consumer.source.prefetch).toBe(4);
    expect(consumer.asked).toBe(2); // It is asked for by halves.
    expect(subscription.held).toBe(4);
    expect(consumer.waiting).toBe(6);
  });

  it("makes room only when the broker has the settlement", async () => {
    let taken = false;
    const { client, driver, clock } = await connected({
      settle: async () => {
        while (!taken) await clock.settle();
        return undefined;
      },
    });
    const subscription = await client.consume(Jobs, { concurrency: 1, prefetch: 1 }, () => {});
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    expect(subscription.running).toBe(0);
    expect(subscription.held).toBe(1);
    taken = true;
    await clock.settle();
    await clock.settle();
    expect(subscription.held).toBe(0);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
  });

  it("less than the concurrency is refused", async () => {
    const { client } = await connected();
    await expect(client.consume(Jobs, { concurrency: 5, prefetch: 4 }, () => {})).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("pause", () => {
  it("starts no further handler until `resume`; those that run go on", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 1 }, hands.handler);
    driver.consumer().deliver(delivery(1), delivery(2));
    await clock.settle();
    subscription.pause();
    expect(subscription.state).toBe("paused");
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    subscription.resume();
    expect(subscription.state).toBe("running");
    expect(hands.began).toEqual(["1", "2"]);
  });

  it("holds what arrives meanwhile, up to the prefetch", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.consume(Jobs, { concurrency: 1, prefetch: 3 }, hands.handler);
    subscription.pause();
    driver.consumer().deliver(...numbers(10).map((n) => delivery(n)));
    await clock.settle();
    expect(subscription.held).toBe(3);
    expect(hands.began).toEqual([]);
  });
});

describe("one ordering key", () => {
  it("has one handler at a time, in order of arrival, and other keys are not held up", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Keyed, hands.handler);
    driver.consumer().deliver(...keyed("a", 1, 2), ...keyed("b", 11), ...keyed("a", 3));
    await clock.settle();
    expect(hands.began).toEqual(["1", "11"]);
    hands.end(1);
    await clock.settle();
    hands.end(2);
    await clock.settle();
    expect(hands.began).toEqual(["1", "11", "2", "3"]);
  });

  it("waits while one of its messages is tried again, and other keys go on", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Keyed, retryAfter(5_000), hands.handler);
    driver.consumer().deliver(...keyed("a", 1, 2), ...keyed("b", 11, 12));
    await clock.settle();
    hands.fail(1);
    hands.end(11);
    await clock.pass(4_999);
    expect(hands.began).toEqual(["1", "11", "12"]);
    await clock.pass(1);
    expect(hands.began).toEqual(["1", "11", "12", "1#2"]);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "11", "12", "1#2", "2"]);
    expect(driver.consumer().settled).toEqual(["ack 11", "ack 1"]);
  });

  it("goes on after one of its messages has become a dead-lettered message", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Keyed, { retry: { maxAttempts: 1 } }, hands.handler);
    driver.consumer().deliver(...keyed("a", 1, 2));
    await clock.settle();
    hands.fail(1);
    await clock.settle();
    expect(driver.sent("keyed..dead")).toHaveLength(1);
    expect(hands.began).toEqual(["1", "2"]);
  });

  it("holds nobody up on a contract that is not ordered", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(...keyed("a", 1, 2));
    await clock.settle();
    expect(hands.began).toEqual(["1", "2"]);
  });

  it("keeps its order when the connection is lost: what runs ends before the same comes again", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Keyed, hands.handler);
    driver.consumer().deliver(...keyed("a", 1, 2));
    await clock.settle();
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    expect(driver.consumers).toHaveLength(2);
    driver.consumer().deliver(...keyed("a", 1, 2));
    await clock.settle();
    expect(hands.began).toEqual(["1"]);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "1"]);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "1", "2"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("keeps its order when the connection is lost while a message waits for its next attempt", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Keyed, retryAfter(60_000), hands.handler);
    driver.consumer().deliver(...keyed("a", 1, 2));
    await clock.settle();
    hands.fail(1);
    await clock.settle();
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    driver.consumer().deliver(...keyed("a", 1, 2));
    await clock.settle();
    expect(hands.began).toEqual(["1", "1"]);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "1", "2"]);
    await clock.pass(60_000);
    expect(hands.began).toEqual(["1", "1", "2"]);
  });
});

describe("a message whose next attempt is due", () => {
  it("comes before those that have not been tried yet", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Keyed, { concurrency: 1, ...retryAfter(100) }, hands.handler);
    driver.consumer().deliver(...keyed("a", 1), ...keyed("b", 2), ...keyed("c", 3));
    await clock.settle();
    hands.fail(1);
    await clock.pass(100);
    hands.end(2);
    await clock.settle();
    expect(hands.began).toEqual(["1", "2", "1#2"]);
  });
});

describe("messages that are not for the handler", () => {
  it("those that have expired are acked without it", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, { concurrency: 1 }, hands.handler);
    const soon = clock.now() + 1_000;
    driver
      .consumer()
      .deliver(delivery(1), delivery(2, { expiresAt: soon }), delivery(3, { expiresAt: soon + 1_000 }));
    await clock.pass(1_000);
    hands.end(1);
    await clock.settle();
    expect(hands.began).toEqual(["1", "3"]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
  });

  it("those that a filter leaves out are acked without it, where the broker does not filter", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.subscribe(
      topic<number>("orders"),
      { group: "eu", filter: { region: "eu", kind: ["a", "b"], trace: { exists: false } } },
      hands.handler,
    );
    // The driver knows of it all the same, and may spare the broker some of what would be dropped.
    expect(driver.consumer().source.filter).toEqual({
      region: "eu",
      kind: ["a", "b"],
      trace: { exists: false },
    });
    driver
      .consumer()
      .deliver(
        delivery(1, { headers: { region: "eu", kind: "a" } }),
        delivery(2, { headers: { region: "us", kind: "a" } }),
        delivery(3, { headers: { region: "eu", kind: "c" } }),
        delivery(4, { headers: { region: "eu", kind: "b", trace: "" } }),
        delivery(5, { headers: { region: "eu" } }),
      );
    await clock.settle();
    expect(hands.began).toEqual(["1"]);
    expect(driver.consumer().settled).toEqual(["ack 2", "ack 3", "ack 4", "ack 5"]);
  });

  it("a filter goes to the broker where it filters itself", async () => {
    const { client, driver, clock } = await connected({
      capabilities: { features: { filters: { how: "native" } } },
    });
    const hands = new ManualHandler();
    const filter = { region: "eu" };
    await client.subscribe(topic<number>("orders"), { group: "eu", filter }, hands.handler);
    expect(driver.consumer().source.filter).toEqual(filter);
    driver.consumer().deliver(delivery(1, { headers: { region: "us" } }));
    await clock.settle();
    expect(hands.began).toEqual(["1"]);
  });
});

describe("a delivery", () => {
  it("has everything that came with the message", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    const subscription = await client.subscribe(topic("orders"), { group: "billing" }, hands.handler);
    driver.consumer().deliver(
      delivery(
        { id: "o-1" },
        {
          id: "m-1",
          key: "k",
          timestamp: 42,
          headers: { trace: "t" },
          correlationId: "c",
          position: "7",
          native: "theirs",
          redeliveries: 2,
        },
      ),
    );
    await clock.settle();
    const [first] = hands.deliveries;
    expect(first).toMatchObject({
      value: { id: "o-1" },
      id: "m-1",
      contentType: "application/json",
      key: "k",
      timestamp: 42,
      headers: { trace: "t" },
      correlationId: "c",
      position: "7",
      native: "theirs",
      attempt: 3,
      source: "orders",
      group: "billing",
      settlement: undefined,
    });
    expect(first?.subscription).toBe(subscription);
    expect(JSON.parse(new TextDecoder().decode(first?.body))).toEqual({ id: "o-1" });
  });

  it("does not show the headers by which retries are counted", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    driver.consumer().deliver(
      delivery(1, {
        headers: { "waybill-attempt": "3", "waybill-first-failed-at": "5", mine: "kept" },
        redeliveries: 1,
      }),
    );
    await clock.settle();
    expect({ ...hands.deliveries[0]?.headers }).toEqual({ mine: "kept" });
    expect(hands.deliveries[0]?.attempt).toBe(4);
  });

  it("counts from one where a hostile header says nonsense", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.consume(Jobs, hands.handler);
    const wrong = ["-1", "0", "1.5", "NaN", "1e99", "99999999999999999999", "", "0x10000000"];
    driver
      .consumer()
      .deliver(...wrong.map((text) => delivery(text, { headers: { "waybill-attempt": text } })));
    await clock.settle();
    expect(hands.deliveries.map(({ attempt }) => attempt)).toEqual(wrong.map(() => 1));
  });
});
