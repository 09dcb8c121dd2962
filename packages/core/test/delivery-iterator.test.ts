import { describe, expect, it } from "vitest";
import { type HandleMiddleware, queue, topic } from "../src/index.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, gate } from "./workbench.ts";

const Jobs = queue<number>("jobs");

describe("pull style", () => {
  it("gives every delivery to the loop, to be settled there; leaving it hands back the rest", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    driver.consumer().deliver(...[1, 2, 3, 4].map((n) => delivery(n)));
    await clock.settle();
    const seen: number[] = [];
    const loop = async () => {
      for await (const each of messages) {
        seen.push(each.value);
        if (each.value === 3) break;
        await each.ack();
      }
    };
    await Promise.all([loop(), clock.pass(100)]);
    expect(seen).toEqual([1, 2, 3]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 2"]);
    expect(driver.consumer().closed).toBe(1);
  });

  it("subscribes with the first `next`, or with `ready`", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(topic<number>("orders"), { group: "billing" });
    expect(driver.consumers).toHaveLength(0);
    const next = messages.next();
    await clock.settle();
    expect(driver.consumers).toHaveLength(1);
    driver.consumer().deliver(delivery(1));
    expect(await next).toMatchObject({ done: false, value: { value: 1 } });
  });

  it("holds no more than the concurrency in the loop's hands", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs, { concurrency: 2 });
    const subscription = await messages.ready();
    driver.consumer().deliver(...[1, 2, 3].map((n) => delivery(n)));
    await clock.settle();
    // What nobody has asked for is only prefetched.
    expect(subscription).toMatchObject({ running: 0, held: 3 });
    const { value: first } = await messages.next();
    await messages.next();
    const third = messages.next();
    await clock.settle();
    expect(subscription.running).toBe(2);
    await first.ack();
    expect((await third).value.value).toBe(3);
    await clock.settle();
    expect(subscription.running).toBe(2);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("goes on after `retry` and `reject` as after `ack`", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs, { concurrency: 1 });
    await messages.ready();
    driver.consumer().deliver(...[1, 2, 3].map((n) => delivery(n)));
    await (await messages.next()).value.retry({ delayMs: 5 });
    await (await messages.next()).value.reject("no");
    await (await messages.next()).value.ack();
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 5", "ack 2", "ack 3"]);
    expect(driver.sent("jobs..dead")).toHaveLength(1);
  });

  it("goes on after a `retry` in place, and hands it out again when it is due", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(queue<number>("keyed", { key: () => undefined }), { concurrency: 1 });
    await messages.ready();
    driver.consumer().deliver(delivery(1, { key: "a" }), delivery(2, { key: "b" }));
    await (await messages.next()).value.retry({ delayMs: 50 });
    await (await messages.next()).value.ack();
    const next = messages.next();
    await clock.pass(50);
    expect((await next).value).toMatchObject({ value: 1, attempt: 2 });
  });

  it("does not hand out what was taken back before the loop came to it", async () => {
    const { client, driver, clock } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    driver.consumer().deliver(delivery(1, { partition: "p0" }), delivery(2, { partition: "p1" }));
    await clock.settle();
    driver.consumer().hooks.revoked(["p0"]);
    expect((await messages.next()).value.value).toBe(2);
  });

  it("ends when the client closes", async () => {
    const { client, clock } = await connected();
    const messages = client.messages(Jobs);
    await messages.ready();
    const next = messages.next();
    const closing = client.close();
    await clock.pass(100);
    await closing;
    expect(await next).toEqual({ done: true, value: undefined });
    expect((await messages.next()).done).toBe(true);
  });

  it("throws when the subscription has failed, in the loop that waits and in the next", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      consume: () => {
        if (++calls > 1) throw new VendorError("PERMISSION_DENIED");
      },
    });
    const messages = client.messages(Jobs);
    const next = failureOf(messages.next());
    await clock.settle();
    driver.consumer().fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(1_000);
    expect((await next)?.code).toBe("SUBSCRIPTION_FAILED");
    expect((await failureOf(messages.next()))?.code).toBe("SUBSCRIPTION_FAILED");
  });

  it("that cannot begin says so", async () => {
    const { client } = await connected({
      consume: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
    });
    const messages = client.messages(Jobs);
    expect((await failureOf(messages.next()))?.code).toBe("PERMISSION_DENIED");
    await messages[Symbol.asyncDispose]();
  });

  it("that was left before it began never begins", async () => {
    const { client, driver } = await connected();
    const messages = client.messages(Jobs);
    await messages.return?.();
    expect((await messages.next()).done).toBe(true);
    expect(driver.consumers).toHaveLength(0);
  });

  it("of something that is no contract is refused", async () => {
    const { client } = await connected();
    const wrong = undefined as unknown as typeof Jobs;
    expect((await failureOf(client.messages(wrong).next()))?.code).toBe("INVALID_ARGUMENT");
  });
});

describe("what is on its way to whoever asks", () => {
  /** Answers one event-loop turn later. */
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const validate = async (value: unknown) => {
    await turn();
    return { value: value as number };
  };
  const Checked = queue<number>("checked", {
    schema: { "~standard": { version: 1, vendor: "test", validate } },
  });
  const thoughtful: HandleMiddleware = async (_delivery, next) => {
    await turn();
    await next();
  };

  it.each([
    { what: "an asynchronous schema", jobs: Checked, handle: [] },
    { what: "an asynchronous middleware", jobs: Jobs, handle: [thoughtful] },
    { what: "both, twice", jobs: Checked, handle: [thoughtful, thoughtful] },
  ])("through $what is one for each who asks, and none fails for want of one", async ({ jobs, handle }) => {
    const { client, driver, clock, errors } = await connected({}, { middleware: { handle } });
    const messages = client.messages(jobs, { retry: { maxAttempts: 1 } });
    const subscription = await messages.ready();
    driver.consumer().deliver(...Array.from({ length: 30 }, (_, i) => delivery(i)));
    const asked = [messages.next(), messages.next()];
    const seen: [number, number][] = [];
    for (let i = 0; i < 30; i++) {
      const { value } = await (asked.shift() as (typeof asked)[0]);
      expect(subscription.running).toBeLessThanOrEqual(2);
      seen.push([value.value, value.attempt]);
      await value.ack();
      asked.push(messages.next());
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => [i, 1]));
    await clock.settle();
    expect(driver.consumer().settled).toHaveLength(30);
    expect(driver.sent(`${jobs.name}..dead`)).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("makes room for another when its schema refuses it", async () => {
    const refusing = async (value: unknown) => {
      await turn();
      return value === 1 ? { issues: [{ message: "not 1" }] } : { value: value as number };
    };
    const schema = { "~standard": { version: 1 as const, vendor: "test", validate: refusing } };
    const { client, driver } = await connected();
    const messages = client.messages(queue("refusing", { schema }));
    await messages.ready();
    driver.consumer().deliver(delivery(1), delivery(2));
    expect((await messages.next()).value.value).toBe(2);
    expect(driver.sent("refusing..dead")).toHaveLength(1);
  });

  it("is handed back without an attempt when the loop is left", async () => {
    const opened = gate();
    const handle: HandleMiddleware[] = [(_delivery, next) => opened.opened.then(next)];
    const { client, driver, clock, errors } = await connected({}, { middleware: { handle } });
    const messages = client.messages(Jobs, { retry: { maxAttempts: 1 } });
    await messages.ready();
    driver.consumer().deliver(delivery(1));
    const next = messages.next();
    await clock.settle();
    const left = messages.return?.();
    opened.open();
    await left;
    expect((await next).done).toBe(true);
    await clock.settle();
    expect(driver.consumer().settled).toEqual([]);
    expect(driver.sent("jobs..dead")).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("is kept without an attempt where a middleware has handed out another twice", async () => {
    const handle: HandleMiddleware[] = [
      async (each, next) => {
        if (each.value === 1) await Promise.all([next(), next()]);
        else await turn().then(next);
      },
    ];
    const { client, driver, clock, errors } = await connected({}, { middleware: { handle } });
    const messages = client.messages(Jobs, { retry: { maxAttempts: 1 } });
    await messages.ready();
    driver.consumer().deliver(delivery(1), delivery(2));
    const [first, second] = await Promise.all([messages.next(), messages.next()]);
    expect([first.value.value, second.value.value]).toEqual([1, 1]);
    await clock.settle();
    const third = messages.next();
    await clock.pass(0);
    expect((await third).value).toMatchObject({ value: 2, attempt: 1 });
    expect(driver.sent("jobs..dead")).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("is not handed out, nor its handler called, when its schema answers only after the drain", async () => {
    const answer = gate<{ value: number }>();
    const schema = { "~standard": { version: 1 as const, vendor: "test", validate: () => answer.opened } };
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    await client.consume(queue("slow", { schema }), (value) => void seen.push(value));
    driver.consumer().deliver(delivery(1));
    await clock.settle();
    const closing = client.close({ timeoutMs: 0 });
    await clock.pass(100);
    await closing;
    answer.open({ value: 1 });
    await clock.settle();
    expect(seen).toEqual([]);
    expect(driver.consumer().closedWith?.started.size).toBe(0);
  });
});

describe("a loop that holds what it takes and settles nothing", () => {
  const Keyed = queue<string>("keyed", { key: () => "k" });
  const Large = queue<string>("large");
  const text = "x".repeat(1_000);

  it.each([
    { by: "count", jobs: Large, options: { concurrency: 3 }, held: 3 },
    { by: "bytes", jobs: Large, options: { prefetchBytes: 3_000 }, held: 3 },
    { by: "its ordering key", jobs: Keyed, options: {}, held: 1 },
  ])("is told of once when that keeps it waiting: by $by", async ({ jobs, options, held }) => {
    const { client, driver, clock, errors } = await connected();
    const messages = client.messages(jobs, options);
    await messages.ready();
    driver.consumer().deliver(...Array.from({ length: 20 }, () => delivery(text, { key: "k" })));
    const taken = [];
    for (let i = 0; i < held; i++) taken.push((await messages.next()).value);
    const next = [messages.next(), messages.next()];
    await clock.pass(9_999);
    expect(errors).toEqual([]);
    await clock.pass(30_000);
    expect(errors).toMatchObject([
      { code: "OVERLOADED", message: expect.stringContaining(`holds ${held} and settles none`) },
    ]);
    await taken[0]?.ack();
    expect((await next[0])?.value.value).toBe(text);
  });

  it("is told of as well where the broker itself has nothing that fits", async () => {
    const { client, driver, clock, errors } = await connected();
    const messages = client.messages(Large, { prefetchBytes: 3_500 });
    await messages.ready();
    driver.consumer().deliver(...[1, 2, 3].map(() => delivery(text)));
    for (let i = 0; i < 3; i++) await messages.next();
    void messages.next();
    await clock.pass(10_000);
    expect(errors).toHaveLength(1);
  });

  it("is not told of while there is nothing more, nor while an operator pauses it", async () => {
    const { client, driver, clock, errors } = await connected();
    const messages = client.messages(Keyed, { concurrency: 10 });
    const subscription = await messages.ready();
    driver.consumer().deliver(delivery(text, { key: "k" }));
    const { value: first } = await messages.next();
    const next = messages.next();
    await clock.pass(60_000);
    subscription.pause();
    driver.consumer().deliver(delivery(text, { key: "k" }));
    await clock.pass(60_000);
    expect(errors).toEqual([]);
    // It is what keeps it waiting only from now on.
    subscription.resume();
    await clock.pass(10_000);
    expect(errors).toHaveLength(1);
    await first.ack();
    expect((await next).done).toBe(false);
  });
});
