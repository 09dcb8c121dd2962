import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { ReconnectingConnection } from "../src/connection/reconnecting-connection.ts";
import { MessagingError, type PartialFailureError, queue, topic } from "../src/index.ts";
import type { DestinationSender } from "../src/publishing/destination-sender.ts";
import { PendingBudget } from "../src/publishing/pending-budget.ts";
import { SenderCache } from "../src/publishing/sender-cache.ts";
import { type Address, type PublishOutcome, stored, type WireMessage } from "../src/spi/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { everything, ScriptedDriver, VendorError } from "./scripted-driver.ts";
import { connected, failureOf, gate, never, values } from "./workbench.ts";

const Numbers = topic<number>("numbers");
const Ordered = topic<number>("ordered", { key: (value) => `key ${value % 2}` });

const failed = (cause: unknown): PublishOutcome => ({ ok: false, cause });
const inFlight = (inFlight: number) => ({ publishing: { ...everything.publishing, inFlight } });

describe("batches", () => {
  it("what is published in the same turn leaves as one batch, in order", async () => {
    const { client, driver } = await connected();
    await Promise.all([1, 2, 3].map((value) => client.publish(Numbers, value)));
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([[1, 2, 3]]);
  });

  it("a lone message leaves at once, without waiting for company", async () => {
    const { client, driver, clock } = await connected();
    const before = clock.now();
    await client.publish(Numbers, 1);
    expect(driver.published).toHaveLength(1);
    expect(clock.now()).toBe(before);
  });

  it("no batch is over the driver's bound of messages", async () => {
    const { client, driver } = await connected({
      capabilities: { publishing: { ...everything.publishing, maxMessages: 2 } },
    });
    await client.publishBatch(Numbers, [1, 2, 3, 4, 5]);
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([[1, 2], [3, 4], [5]]);
  });

  it("no batch is over the driver's bound of bytes, but one message alone always goes", async () => {
    const { client, driver } = await connected({
      capabilities: { publishing: { ...everything.publishing, maxBytes: 10 } },
    });
    await client.publishBatch(topic<string>("texts"), ["1234", "12", "a text of more than ten bytes", "1"]);
    expect(driver.published.map(({ batch }) => batch.length)).toEqual([2, 1, 1]);
  });

  it("at most `inFlight` calls are under way for an unordered destination, and what gathers goes with the next", async () => {
    const answer = gate();
    const { client, driver, clock } = await connected({
      capabilities: inFlight(2),
      publish: () => answer.opened.then(() => undefined),
    });
    const publishes: Promise<unknown>[] = [];
    for (let value = 1; value <= 5; value++) {
      publishes.push(client.publish(Numbers, value));
      await clock.settle();
    }
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([[1], [2]]);
    answer.open();
    await Promise.all(publishes);
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([[1], [2], [3, 4, 5]]);
  });

  it("one call at a time is under way for an ordered destination, whatever `inFlight` allows", async () => {
    const answer = gate();
    const { client, driver, clock } = await connected({
      capabilities: inFlight(5),
      publish: () => answer.opened.then(() => undefined),
    });
    const publishes = [client.publish(Ordered, 1)];
    await clock.settle();
    publishes.push(client.publish(Ordered, 2));
    await clock.settle();
    expect(driver.published).toHaveLength(1);
    answer.open();
    await Promise.all(publishes);
    expect(values(driver.sent("ordered"))).toEqual([1, 2]);
  });

  it("a destination that does not answer holds up no other", async () => {
    const { client, driver } = await connected({
      publish: (_batch, to) => (to.name === "ordered" ? never : undefined),
    });
    void failureOf(client.publish(Ordered, 1));
    await client.publish(Numbers, 2);
    expect(driver.sent("numbers")).toHaveLength(1);
  });
});

describe("what the broker says", () => {
  it("a receipt has the message's id, its position and whether it reached anybody", async () => {
    const { client } = await connected({
      publish: (batch) => batch.map(() => ({ ok: true, position: "42", unrouted: true })),
    });
    expect(await client.publish(Numbers, 1, { id: "mine" })).toEqual({
      id: "mine",
      position: "42",
      unrouted: true,
    });
  });

  it("what failed for good is rejected, and the others of its batch are confirmed", async () => {
    const { client } = await connected({
      publish: (batch) =>
        batch.map((_, i) => (i === 1 ? failed(new VendorError("PERMISSION_DENIED")) : stored)),
    });
    const error = (await failureOf(client.publishBatch(Numbers, [1, 2, 3]))) as PartialFailureError;
    expect(error.code).toBe("PARTIAL_FAILURE");
    expect(error.failures.map(({ index, error }) => [index, error.code])).toEqual([[1, "PERMISSION_DENIED"]]);
  });

  it("what may succeed later goes out again in order, before anything younger", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      publish: (batch) =>
        ++calls === 1
          ? batch.map((_, i) => (i === 1 ? stored : failed(new VendorError("CONNECTION_LOST"))))
          : undefined,
    });
    const first = client.publishBatch(Ordered, [1, 2, 3]);
    await clock.settle();
    const younger = client.publish(Ordered, 5);
    await clock.pass(200);
    await Promise.all([first, younger]);
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([
      [1, 2, 3],
      [1, 3, 5],
    ]);
  });

  it.each([true, false])(
    "what later ones of its key have overtaken on the broker fails, and does not go out behind them (retryable: %s)",
    async (retryable) => {
      const { client, driver, clock } = await connected({
        publish: (batch) =>
          batch.map((_, i) => (i === 2 ? failed(new VendorError("OVERLOADED", retryable)) : stored)),
      });
      const told = failureOf(client.publishBatch(Ordered, [1, 2, 3, 4, 5]));
      await clock.pass(60_000);
      const { failures } = (await told) as PartialFailureError;
      expect(failures).toMatchObject([{ index: 2, error: { code: "OVERLOADED", retryable } }]);
      expect(failures[0]?.error.message).toContain("would arrive behind them");
      expect(values(driver.sent("ordered"))).toEqual([1, 2, 3, 4, 5]);
    },
  );

  it("does so too where the clock was set back in between", async () => {
    const answer = gate<readonly PublishOutcome[]>();
    let calls = 0;
    const { client, driver, clock } = await connected({
      publish: () => (++calls === 1 ? answer.opened : undefined),
    });
    const first = client.publish(Ordered, 1);
    await clock.settle();
    clock.setBack(5_000);
    const second = client.publish(Ordered, 3);
    answer.open([failed(new VendorError("CONNECTION_LOST"))]);
    await clock.pass(1_000);
    await Promise.all([first, second]);
    expect(values(driver.sent("ordered"))).toEqual([1, 1, 3]);
  });

  it("a message that goes out again is the same message, with the same id", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      publish: () => {
        if (++calls === 1) throw new VendorError("CONNECTION_LOST");
        return undefined;
      },
    });
    const published = client.publish(Numbers, 1);
    await clock.pass(200);
    const [first, second] = driver.sent("numbers");
    expect(second).toBe(first);
    expect((await published).id).toBe(first?.id);
  });

  it("an error that the driver does not know counts as passing", async () => {
    let calls = 0;
    const { client, clock } = await connected({
      publish: () => {
        if (++calls === 1) throw new TypeError("what is this?");
        return undefined;
      },
    });
    const published = client.publish(Numbers, 1);
    await clock.pass(200);
    await published;
    expect(calls).toBe(2);
  });

  it("the pause between tries grows, up to its maximum", async () => {
    const times: number[] = [];
    const { client, clock } = await connected(
      {
        publish: () => {
          times.push(clock.now());
          throw new VendorError("CONNECTION_LOST");
        },
      },
      { reconnect: { initialMs: 100, maxMs: 400 } },
    );
    const published = failureOf(client.publish(Numbers, 1));
    await clock.pass(1_700);
    expect(times.slice(1).map((time, i) => time - (times[i] as number))).toEqual([100, 200, 400, 400, 400]);
    const closing = client.close({ timeoutMs: 0 });
    await clock.pass(100);
    await closing;
    expect((await published)?.code).toBe("CLOSED");
  });

  it("a driver that answers for too few messages has failed the others", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      publish: () => (++calls === 1 ? [stored] : undefined),
    });
    const published = client.publishBatch(Numbers, [1, 2]);
    await clock.pass(200);
    await published;
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([[1, 2], [2]]);
  });
});

describe("time limits", () => {
  it("a driver that never answers is waited for no longer than `publishTimeoutMs`, and the error is retryable", async () => {
    const { client, clock } = await connected({ publish: () => never }, { publishTimeoutMs: 1_000 });
    const published = failureOf(client.publish(Numbers, 1));
    await clock.pass(999);
    expect(client.health().pendingPublishes).toBe(1);
    await clock.pass(1);
    expect(await published).toMatchObject({ code: "TIMEOUT", retryable: true });
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("every message has its whole time, also one that left in a batch with older ones", async () => {
    let calls = 0;
    const { client, clock } = await connected(
      {
        publish: (_batch) => {
          calls++;
          if (calls === 1) throw new VendorError("CONNECTION_LOST");
          return never;
        },
      },
      { publishTimeoutMs: 1_000, reconnect: { initialMs: 900 } },
    );
    const old = failureOf(client.publish(Ordered, 1));
    await clock.pass(800);
    let youngEnded = false;
    const young = failureOf(client.publish(Ordered, 2)).finally(() => {
      youngEnded = true;
    });
    await clock.pass(200);
    expect((await old)?.code).toBe("TIMEOUT");
    expect(youngEnded).toBe(false);
    await clock.pass(800);
    expect((await young)?.code).toBe("TIMEOUT");
  });

  it("holds for each message by itself when calls beside each other fail in any order", async () => {
    const calls: ReturnType<typeof gate>[] = [];
    const { client, driver, clock } = await connected(
      {
        publish: () => {
          const call = gate();
          calls.push(call);
          return calls.length <= 2 ? call.opened.then(() => undefined) : never;
        },
      },
      { publishTimeoutMs: 1_000, reconnect: { initialMs: 10 } },
    );
    const ends: unknown[] = [];
    const publish = (value: number) =>
      void failureOf(client.publish(Numbers, value)).then((error) =>
        ends.push([value, clock.now(), error?.code]),
      );
    const start = clock.now();
    publish(1);
    await clock.pass(100);
    publish(2);
    await clock.pass(100);
    calls[0]?.fail(new VendorError("TIMEOUT"));
    await clock.settle();
    calls[1]?.fail(new VendorError("TIMEOUT"));
    await clock.pass(2_000);
    expect(ends).toEqual([
      [1, start + 1_000, "TIMEOUT"],
      [2, start + 1_100, "TIMEOUT"],
    ]);
    expect(values(driver.published[2]?.batch ?? [])).toEqual([1, 2]);
    expect(client.health().pendingPublishes).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("a call that hangs is told to end, and those beside it are not", async () => {
    const signals: AbortSignal[] = [];
    const { client, clock } = await connected(
      {
        publish: (_batch, _to, call) => {
          signals.push(call.signal);
          return never;
        },
      },
      { publishTimeoutMs: 1_000 },
    );
    const first = failureOf(client.publish(Numbers, 1));
    await clock.pass(500);
    const second = failureOf(client.publish(Numbers, 2));
    await clock.pass(500);
    expect((await first)?.code).toBe("TIMEOUT");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    await clock.pass(500);
    expect((await second)?.code).toBe("TIMEOUT");
  });

  it("a call that hangs makes room for the next when its time is over", async () => {
    let calls = 0;
    const { client, clock } = await connected(
      { publish: () => (++calls === 1 ? never : undefined) },
      { publishTimeoutMs: 1_000 },
    );
    const first = failureOf(client.publish(Ordered, 1));
    await clock.pass(900);
    const second = client.publish(Ordered, 2);
    await clock.pass(100);
    await second;
    expect((await first)?.code).toBe("TIMEOUT");
  });

  it("the answer of a call that was given up changes nothing", async () => {
    const answer = gate();
    const { client, clock } = await connected(
      { publish: () => answer.opened.then(() => undefined) },
      { publishTimeoutMs: 1_000 },
    );
    const published = failureOf(client.publish(Numbers, 1));
    await clock.pass(1_000);
    expect((await published)?.code).toBe("TIMEOUT");
    answer.open();
    await clock.settle();
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("what keeps failing says at the end why", async () => {
    const { client, clock } = await connected(
      {
        publish: () => {
          throw new VendorError("OVERLOADED");
        },
      },
      { publishTimeoutMs: 1_000 },
    );
    const published = failureOf(client.publish(Numbers, 1));
    await clock.pass(1_500);
    const error = await published;
    expect(error?.code).toBe("TIMEOUT");
    expect(error?.cause).toMatchObject({ code: "OVERLOADED" });
  });

  it("what waits for a connection that does not come says why it is away", async () => {
    let down = false;
    const { client, driver, clock } = await connected(
      {
        connect: () => {
          if (down) throw new VendorError("UNREACHABLE");
        },
      },
      { publishTimeoutMs: 1_000 },
    );
    await client.publish(Numbers, 0);
    down = true;
    driver.connection.hooks.lost(new Error("gone"));
    const published = failureOf(client.publish(Numbers, 1));
    await clock.pass(1_000);
    const error = await published;
    expect(error?.code).toBe("TIMEOUT");
    expect(error?.cause).toMatchObject({ code: "UNREACHABLE" });
  });

  for (const [how, jumpMs] of [
    ["back", -3_600_000],
    ["ahead", 3_600_000],
  ] as const) {
    it(`are the same when the computer's clock is set ${how} meanwhile`, async () => {
      const took: number[] = [];
      const { client, clock } = await connected(
        { publish: () => never },
        { publishTimeoutMs: 1_000, observer: { published: (_to, _batch, _errors, ms) => took.push(ms) } },
      );
      const published = failureOf(client.publish(Numbers, 1));
      await clock.pass(500);
      if (jumpMs < 0) clock.setBack(-jumpMs);
      else clock.setAhead(jumpMs);
      const young = failureOf(client.publish(Numbers, 2));
      await clock.pass(499);
      expect(client.health().pendingPublishes).toBe(2);
      await clock.pass(1);
      expect((await published)?.code).toBe("TIMEOUT");
      expect(client.health().pendingPublishes).toBe(1);
      await clock.pass(500);
      expect((await young)?.code).toBe("TIMEOUT");
      expect(took).toEqual([1_000, 1_000]);
    });
  }

  it("no timer is left when nothing is under way", async () => {
    const { client, clock } = await connected();
    await client.publishBatch(Numbers, [1, 2, 3]);
    expect(clock.timers).toBe(0);
  });
});

describe("giving up", () => {
  it("a signal that has fired already stops a publish before any I/O", async () => {
    const { client, driver } = await connected();
    const error = await failureOf(client.publish(Numbers, 1, { signal: AbortSignal.abort("why") }));
    expect(error).toMatchObject({ code: "ABORTED", retryable: false, cause: "why" });
    expect(driver.published).toEqual([]);
  });

  it("a signal ends the wait, and the others of the batch are confirmed", async () => {
    const answer = gate();
    const { client, clock } = await connected({ publish: () => answer.opened.then(() => undefined) });
    const abort = new AbortController();
    const aborted = failureOf(client.publish(Numbers, 1, { signal: abort.signal }));
    const other = client.publish(Numbers, 2);
    await clock.settle();
    abort.abort();
    expect((await aborted)?.code).toBe("ABORTED");
    answer.open();
    await other;
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("what was given up while it waited is not sent", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      publish: () => {
        if (++calls === 1) throw new VendorError("CONNECTION_LOST");
        return undefined;
      },
    });
    const abort = new AbortController();
    const aborted = failureOf(client.publish(Numbers, 1, { signal: abort.signal }));
    const other = client.publish(Numbers, 2);
    await clock.settle();
    abort.abort();
    await clock.pass(200);
    await Promise.all([aborted, other]);
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([[1, 2], [2]]);
  });

  it("a signal is let go of when the publish has ended", async () => {
    const { client } = await connected();
    const { signal } = new AbortController();
    const published = client.publish(Numbers, 1, { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await published;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("the bound on what is pending", () => {
  it("a publish over it fails as OVERLOADED, which is retryable, and nothing else is harmed", async () => {
    const answer = gate();
    const { client } = await connected(
      { publish: () => answer.opened.then(() => undefined) },
      { maxPending: { messages: 2 } },
    );
    const publishes = [client.publish(Numbers, 1), client.publish(Numbers, 2)];
    expect(await failureOf(client.publish(Numbers, 3))).toMatchObject({
      code: "OVERLOADED",
      retryable: true,
    });
    answer.open();
    await Promise.all(publishes);
    await client.publish(Numbers, 4);
  });

  it("bytes count too, and one message alone always fits", async () => {
    const { client } = await connected({}, { maxPending: { bytes: 5 } });
    const Texts = topic<string>("texts");
    const large = client.publish(Texts, "larger than the bound");
    expect((await failureOf(client.publish(Texts, "1")))?.code).toBe("OVERLOADED");
    await large;
    await client.publish(Texts, "1");
  });

  it("holds for what is pending now, however much there was before", async () => {
    const { client } = await connected({}, { maxPending: { bytes: 5, messages: 5 } });
    for (let round = 0; round < 10; round++) await client.publishBatch(Numbers, [1, 2, 3, 4, 5]);
    expect((await failureOf(client.publishBatch(Numbers, [1, 2, 3, 4, 5, 6])))?.code).toBe("PARTIAL_FAILURE");
  });

  const endings: Record<string, Parameters<typeof connected>[0]> = {
    "was stored": {},
    "was refused": { publish: (batch) => batch.map(() => failed(new VendorError("PERMISSION_DENIED"))) },
    "never got an answer": { publish: () => never },
    "kept failing": { publish: (batch) => batch.map(() => failed(new VendorError("OVERLOADED"))) },
    "had no destination": {
      ensure: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
    },
    "had a destination that is never ready": { ensure: () => never },
  };
  for (const [ending, script] of Object.entries(endings)) {
    it(`what ${ending} gives its room back`, async () => {
      const { client, clock } = await connected(script, { publishTimeoutMs: 1_000 });
      const abort = new AbortController();
      const all = [
        ...[1, 2, 3].map((value) => failureOf(client.publish(Numbers, value))),
        failureOf(client.publish(Numbers, 4, { signal: abort.signal })),
      ];
      await clock.settle();
      abort.abort();
      await clock.pass(2_000);
      await Promise.all(all);
      expect(client.health().pendingPublishes).toBe(0);
      expect(clock.timers).toBe(0);
    });
  }
});

describe("the destination", () => {
  it("is made once, before the first message", async () => {
    const { client, driver } = await connected();
    await client.publish(Numbers, 1);
    await client.publish(Numbers, 2);
    expect(driver.ensured.map(({ address }) => address.name)).toEqual(["numbers"]);
  });

  it("is made again after it was not found, and only the message that met its absence has failed", async () => {
    let calls = 0;
    const { client, driver } = await connected({
      publish: (batch) => (++calls === 1 ? batch.map(() => failed(new VendorError("NOT_FOUND"))) : undefined),
    });
    expect((await failureOf(client.publish(Numbers, 1)))?.code).toBe("NOT_FOUND");
    await client.publish(Numbers, 2);
    expect(driver.ensured).toHaveLength(2);
  });

  it("is made again after it was removed", async () => {
    const { client, driver } = await connected();
    await client.publish(Numbers, 1);
    await client.topology.remove(Numbers);
    await client.publish(Numbers, 2);
    expect(driver.ensured).toHaveLength(2);
  });

  it("that never gets ready is given up with the publish, and tried anew for the next", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected(
      { ensure: () => (++calls === 1 ? never : undefined) },
      { publishTimeoutMs: 1_000 },
    );
    const first = failureOf(client.publish(Numbers, 1));
    await clock.pass(1_000);
    expect((await first)?.code).toBe("TIMEOUT");
    await client.publish(Numbers, 2);
    expect(driver.ensured).toHaveLength(2);
    expect(values(driver.sent("numbers"))).toEqual([2]);
  });

  it("that was asked for on a connection that is lost is asked for on the next", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({ ensure: () => (++calls === 1 ? never : undefined) });
    const published = client.publish(Numbers, 1);
    await clock.settle();
    driver.connection.hooks.lost(new Error("gone"));
    await clock.pass(1_000);
    await published;
    expect(driver.ensured).toHaveLength(2);
  });

  it("that was declared is not made again by the first publish, until it was removed", async () => {
    const { client, driver } = await connected();
    const Orders = topic<number>("orders");
    const Jobs = queue<number>("jobs");
    await client.topology.declare({ topic: Orders, group: "billing" }, Jobs);
    await client.publish(Orders, 1);
    await client.send(Jobs, 1);
    expect(driver.ensured.map(({ address }) => address.kind)).toEqual(["group", "queue"]);
    await client.topology.remove(Jobs);
    await client.send(Jobs, 2);
    expect(driver.ensured.slice(2).map(({ address }) => address.kind)).toEqual(["queue"]);
  });

  it("that a subscription has made is not made again by the first publish, until it was removed or not found", async () => {
    let isThere = true;
    const { client, driver } = await connected({
      publish: (batch) => (isThere ? undefined : batch.map(() => failed(new VendorError("NOT_FOUND")))),
    });
    await client.subscribe(Numbers, { group: "g" }, () => {});
    await client.consume(queue<number>("jobs"), () => {});
    await client.publish(Numbers, 1);
    await client.send(queue<number>("jobs"), 1);
    expect(driver.ensured.map(({ address }) => address.kind)).toEqual(["group", "queue"]);
    isThere = false;
    await failureOf(client.publish(Numbers, 2));
    isThere = true;
    await client.publish(Numbers, 3);
    expect(driver.ensured.slice(2).map(({ address }) => address.kind)).toEqual(["topic"]);
    await client.topology.remove({ topic: Numbers, group: "g" });
    await client.publish(Numbers, 4);
    expect(driver.ensured).toHaveLength(4);
  });

  it("that is a group's is still looked at by itself with `verify`", async () => {
    const looked: string[] = [];
    const inspect = ({ kind }: { readonly kind: string }) => {
      looked.push(kind);
      return {};
    };
    const { client } = await connected({ inspect }, { topology: "verify" });
    await client.subscribe(Numbers, { group: "g" }, () => {});
    await client.publish(Numbers, 1);
    await client.publish(Numbers, 2);
    expect(looked).toEqual(["group", "queue", "topic"]);
  });

  it("is forgotten when there are very many, and works all the same when it is used again", async () => {
    const { client, driver } = await connected();
    for (let index = 0; index < 1_500; index++) await client.publish(topic(`t${index}`), index);
    await client.publish(topic("t0"), 0);
    await client.publish(topic("t1499"), 0);
    expect(driver.ensured).toHaveLength(1_500);
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("when it cannot be made, all that waits for it fails with the reason", async () => {
    const { client } = await connected({
      ensure: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
    });
    const errors = await Promise.all([1, 2].map((value) => failureOf(client.publish(Numbers, value))));
    expect(errors.map((error) => error?.code)).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED"]);
  });

  it("when it cannot be made yet, it is tried again", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      ensure: () => {
        if (++calls < 3) throw new VendorError("UNREACHABLE");
      },
    });
    const published = client.publishBatch(Numbers, [1, 2]);
    await clock.pass(1_000);
    await published;
    expect(driver.published.map(({ batch }) => values(batch))).toEqual([[1, 2]]);
  });

  it("is only looked at with `verify`, and its absence is told before anything is sent", async () => {
    const { client, driver } = await connected(
      { inspect: () => ({ exists: false }) },
      { topology: "verify" },
    );
    expect((await failureOf(client.publish(Numbers, 1)))?.code).toBe("NOT_FOUND");
    expect(driver.ensured).toEqual([]);
    expect(driver.published).toEqual([]);
  });

  it("is not looked at with `assume`", async () => {
    const { client, driver } = await connected(
      { inspect: () => never, ensure: () => never },
      { topology: "assume" },
    );
    await client.publish(Numbers, 1);
    expect(driver.published).toHaveLength(1);
  });
});

describe("senders", () => {
  it("with nothing to do are let go of when there are many, and come back with what they are given", async () => {
    const { driver, connector, cache } = senders();
    const address = (name: string): Address => ({
      kind: "queue",
      name,
      group: undefined,
      brokerName: name,
      brokerGroup: undefined,
      ordered: false,
      retained: false,
    });
    await connector.open(1_000);
    const message = (id: string) => ({ id }) as WireMessage;
    const late = Array.from({ length: 1_200 }, (_, index) => cache.get(address(`q${index}`)));
    await Promise.all(late.map((sender, index) => sender.add(message(`${index}`), 1)));
    expect(cache.size).toBeLessThanOrEqual(1_000);
    const letGo = late.filter(({ kept }) => !kept);
    expect(letGo).not.toHaveLength(0);
    const sender = letGo[0] as DestinationSender;
    const publishing = sender.add(message("more"), 1);
    expect(cache.get(address(sender.address.name))).toBe(sender);
    await publishing;
    expect(driver.published).toHaveLength(1_201);
  });

  function senders() {
    const driver = new ScriptedDriver();
    const clock = new ManualClock();
    const ignore = () => {};
    const connector = new ReconnectingConnection(driver, {
      endpoint: undefined,
      clock,
      initialMs: 1,
      maxMs: 1,
      onStatus: ignore,
      onError: ignore,
    });
    const cache = new SenderCache({
      driver,
      connector,
      clock,
      budget: new PendingBudget(10_000, 10_000),
      timeoutMs: 1_000,
      retryInitialMs: 1,
      retryMaxMs: 1,
      observer: undefined,
      onError: ignore,
      prepare: async () => {},
      troubleChanged: ignore,
      isPrepared: () => false,
      forget: ignore,
    });
    return { driver, connector, cache };
  }
});

describe("close", () => {
  it("waits for the confirmation of what is under way", async () => {
    const answer = gate();
    const { client, clock } = await connected({ publish: () => answer.opened.then(() => undefined) });
    const published = client.publish(Numbers, 1);
    let closed = false;
    const closing = client.close().then(() => {
      closed = true;
    });
    await clock.settle();
    expect(closed).toBe(false);
    answer.open();
    await published;
    await clock.pass(10);
    await closing;
  });

  it("rejects what is left at the deadline; none is forgotten", async () => {
    const { client, clock } = await connected({ publish: () => never });
    const publishes = [1, 2].map((value) => failureOf(client.publish(Ordered, value)));
    await clock.settle();
    publishes.push(failureOf(client.publish(Ordered, 3)));
    const closing = client.close({ timeoutMs: 500 });
    await clock.pass(500);
    await closing;
    expect((await Promise.all(publishes)).map((error) => error?.code)).toEqual([
      "CLOSED",
      "CLOSED",
      "CLOSED",
    ]);
    expect(clock.timers).toBe(0);
  });

  it("does not wait for a message that has failed before it could leave", async () => {
    const preparing = gate();
    const { client, clock } = await connected({ ensure: () => preparing.opened });
    const published = failureOf(client.publish(Numbers, 1));
    await clock.settle();
    const closing = client.close({ timeoutMs: 60_000 });
    await clock.settle();
    preparing.fail(new VendorError("PERMISSION_DENIED"));
    await clock.pass(10);
    await closing;
    expect((await published)?.code).toBe("PERMISSION_DENIED");
  });

  it("does not wait for a message whose caller gave up", async () => {
    const { client, clock } = await connected({ ensure: () => never });
    const abort = new AbortController();
    const published = failureOf(client.publish(Numbers, 1, { signal: abort.signal }));
    await clock.settle();
    const closing = client.close({ timeoutMs: 60_000 });
    await clock.settle();
    abort.abort();
    await clock.pass(10);
    await closing;
    expect((await published)?.code).toBe("ABORTED");
  });
});

describe("the observer", () => {
  it("is told of every batch, with the errors by place and the time it took", async () => {
    const told: unknown[] = [];
    const { client, clock } = await connected(
      {
        publish: async (batch) => {
          await clock.pass(7);
          return batch.map((_, i) => (i === 1 ? failed(new VendorError("PERMISSION_DENIED")) : stored));
        },
      },
      {
        observer: {
          published: (to, batch, errors, ms) =>
            told.push([to.name, values(batch), [...errors].map(([index, { code }]) => [index, code]), ms]),
        },
      },
    );
    await failureOf(client.publishBatch(Numbers, [1, 2]));
    expect(told).toEqual([["numbers", [1, 2], [[1, "PERMISSION_DENIED"]], 7]]);
  });

  it("is told once of a call that was given up", async () => {
    const told: unknown[] = [];
    const late = gate();
    const { client, clock } = await connected(
      { publish: () => late.opened.then(() => undefined) },
      {
        publishTimeoutMs: 1_000,
        observer: { published: (_to, _batch, errors) => told.push(errors.get(0)?.code) },
      },
    );
    void failureOf(client.send(queue<number>("jobs"), 1));
    await clock.pass(1_000);
    late.open();
    await clock.settle();
    expect(told).toEqual(["TIMEOUT"]);
  });
});

describe("partial failures", () => {
  it("say whether trying again makes sense: only if it does for every one", async () => {
    const outcomes = [failed(new VendorError("TIMEOUT", true)), failed(new VendorError("PERMISSION_DENIED"))];
    const { client, clock } = await connected({ publish: () => outcomes }, { publishTimeoutMs: 50 });
    const published = failureOf(client.publishBatch(Numbers, [1, 2]));
    await clock.pass(1_000);
    const error = await published;
    expect(MessagingError.isInstance(error) && error.retryable).toBe(false);
  });
});
