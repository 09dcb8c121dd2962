import { getEventListeners } from "node:events";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytes,
  MessagingError,
  type PartialFailureError,
  type PublishMiddleware,
  type StandardSchema,
  text,
  topic,
} from "../src/index.ts";
import { TurnChains } from "../src/publishing/turn-chains.ts";
import { VendorError } from "./scripted-driver.ts";
import { connected, failureOf, type Gate, gate, never, values } from "./workbench.ts";

const Keyed = topic<string>("keyed", { key: (value) => value.slice(0, 1) });
const Plain = topic<string>("plain");

/** A middleware that stays with each message until the test lets it go on. */
function held(): { middleware: PublishMiddleware; gates: Map<unknown, Gate<void>> } {
  const gates = new Map<unknown, Gate<void>>();
  return {
    gates,
    middleware: async (message, next) => {
      const step = gate();
      gates.set(message.value, step);
      await step.opened;
      return next();
    },
  };
}

function schema(validate: (value: unknown) => unknown): StandardSchema<string> {
  return { "~standard": { version: 1, vendor: "test", validate: validate as never } };
}

describe("steps that take their time", () => {
  it("never reorder one key, in one batch or one after the other, whatever ends first", async () => {
    const { middleware, gates } = held();
    const { client, driver, clock } = await connected({}, { middleware: { publish: [middleware] } });
    const all = [client.publishBatch(Keyed, ["a1", "a2", "b1"]), client.publish(Keyed, "a3")];
    await clock.settle();
    for (const value of ["a3", "b1", "a2"]) {
      gates.get(value)?.open();
      await clock.settle();
    }
    // Another key does not wait.
    expect(values(driver.sent("keyed"))).toEqual(["b1"]);
    gates.get("a1")?.open();
    await Promise.all(all);
    expect(values(driver.sent("keyed"))).toEqual(["b1", "a1", "a2", "a3"]);
  });

  it("keep that order for any number of messages and keys, and any order of ending", async () => {
    const ended = fc.shuffledSubarray([...Array(12).keys()], { minLength: 12 });
    await fc.assert(
      fc.asyncProperty(ended, async (order) => {
        const { middleware, gates } = held();
        const { client, driver, clock } = await connected({}, { middleware: { publish: [middleware] } });
        const names = order.map((_, index) => `${"abc"[index % 3]}${String(index).padStart(2, "0")}`);
        const all = client.publishBatch(Keyed, names);
        await clock.settle();
        for (const index of order) gates.get(names[index])?.open();
        await all;
        const sent = values(driver.sent("keyed")) as string[];
        for (const key of "abc") {
          const ofKey = sent.filter((value) => value.startsWith(key));
          expect(ofKey).toEqual([...ofKey].sort());
        }
        expect(sent).toHaveLength(12);
      }),
      { numRuns: 20 },
    );
  });

  it("that hang end with the time limit, count as pending meanwhile, and hold up nobody any longer", async () => {
    const Slow = topic<string>("slow", {
      key: () => "one",
      schema: schema((value) => (value === "hang" ? never : Promise.resolve({ value }))),
    });
    const { client, driver, clock } = await connected({}, { publishTimeoutMs: 1_000 });
    const hanging = failureOf(client.publish(Slow, "hang"));
    const later = client.publish(Slow, "later");
    await clock.pass(999);
    expect(client.health().pendingPublishes).toBe(2);
    await clock.pass(1);
    expect(await hanging).toMatchObject({ code: "TIMEOUT", retryable: true, remedy: expect.any(String) });
    await later;
    await client.publish(Slow, "much later");
    expect(values(driver.sent("slow"))).toEqual(["later", "much later"]);
    expect(client.health().pendingPublishes).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("that hang heed the signal, which is let go of afterwards", async () => {
    const { client, driver, clock } = await connected(
      {},
      { middleware: { publish: [(message, next) => (message.value === "hang" ? never : next())] } },
    );
    const abort = new AbortController();
    const One = topic<string>("one", { key: () => "one" });
    const hanging = failureOf(client.publish(One, "hang", { signal: abort.signal }));
    const later = client.publish(One, "later", { signal: new AbortController().signal });
    await clock.settle();
    expect(driver.published).toEqual([]);
    abort.abort("why");
    expect(await hanging).toMatchObject({ code: "ABORTED", cause: "why" });
    await later;
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(0);
    expect(client.health().pendingPublishes).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("that end after the time limit send nothing", async () => {
    const { middleware, gates } = held();
    const { client, driver, clock } = await connected(
      {},
      { publishTimeoutMs: 1_000, middleware: { publish: [middleware] } },
    );
    const published = failureOf(client.publish(Plain, "late"));
    await clock.pass(1_000);
    expect((await published)?.code).toBe("TIMEOUT");
    gates.get("late")?.open();
    await clock.settle();
    expect(driver.published).toEqual([]);
  });

  it("and the broker's confirmation share one time limit", async () => {
    const { middleware, gates } = held();
    const { client, clock } = await connected(
      { publish: () => never },
      { publishTimeoutMs: 1_000, middleware: { publish: [middleware] } },
    );
    const published = failureOf(client.publish(Keyed, "a1"));
    await clock.pass(600);
    gates.get("a1")?.open();
    await clock.pass(399);
    expect(client.health().pendingPublishes).toBe(1);
    await clock.pass(1);
    expect((await published)?.code).toBe("TIMEOUT");
    expect(client.health().pendingPublishes).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("are within the bound on what is pending", async () => {
    const { middleware, gates } = held();
    const { client, clock } = await connected(
      {},
      { maxPending: { messages: 2 }, middleware: { publish: [middleware] } },
    );
    const two = [client.publish(Plain, "1"), client.publish(Plain, "2")];
    expect((await failureOf(client.publish(Plain, "3")))?.code).toBe("OVERLOADED");
    await clock.settle();
    for (const step of gates.values()) step.open();
    await Promise.all(two);
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("are waited for by close, and what they lead to is stored; what hangs is rejected at its deadline", async () => {
    const { middleware, gates } = held();
    const { client, driver, clock } = await connected({}, { middleware: { publish: [middleware] } });
    const stored = client.publish(Plain, "1");
    const hanging = failureOf(client.publish(Plain, "2"));
    await clock.settle();
    const closing = client.close({ timeoutMs: 500 });
    await clock.settle();
    gates.get("1")?.open();
    await stored;
    await clock.pass(500);
    await closing;
    expect((await hanging)?.code).toBe("CLOSED");
    expect(values(driver.sent("plain"))).toEqual(["1"]);
    expect(clock.timers).toBe(0);
  });

  it("may publish while the client closes; nobody may once they are done", async () => {
    const { middleware, gates } = held();
    const Audit = topic<string>("audit");
    const nested: PublishMiddleware = async (message, next) => {
      if (message.destination === "audit") return next();
      return middleware(message, async () => {
        await Promise.all([
          client.publish(Audit, `of ${message.value}`),
          client.publishBatch(Audit, ["batch"]),
        ]);
        return next();
      });
    };
    const { client, driver, clock } = await connected({}, { middleware: { publish: [nested] } });
    const published = client.publish(Keyed, "a1");
    await clock.settle();
    const closing = client.close({ timeoutMs: 5_000 });
    await clock.settle();
    gates.get("a1")?.open();
    await published;
    expect((await failureOf(client.publish(Plain, "late")))?.code).toBe("CLOSED");
    await closing;
    expect(values(driver.sent("audit"))).toEqual(["of a1", "batch"]);
    expect(values(driver.sent("keyed"))).toEqual(["a1"]);
    expect(driver.sent("plain")).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("chains of turns leave nothing behind", () => {
    const chains = new TurnChains<object>();
    const owner = {};
    const acted: number[] = [];
    const turns = Array.from({ length: 100_000 }, () => chains.enter(owner, "a"));
    turns.slice(1).forEach((turn, index) => {
      if (index % 3 === 0) turn.release();
      else turn.take(() => acted.push(index));
    });
    expect(acted).toEqual([]);
    expect(chains.isBusy(owner, "a")).toBe(true);
    expect(chains.isBusy(owner, "b")).toBe(false);
    turns[0]?.release();
    expect(acted).toHaveLength(66_666);
    expect(acted).toEqual([...acted].sort((a, b) => a - b));
    expect(chains.isBusy(owner, "a")).toBe(false);
  });
});

describe("middleware around publishes", () => {
  const withMiddleware = (publish: PublishMiddleware, script = {}) =>
    connected(script, { middleware: { publish: [publish] } });

  it("that forgets to await `next` or to return its receipt resolves nobody before the message is stored", async () => {
    for (const careless of [
      (_message: unknown, next: () => unknown) => void next(),
      async (_message: unknown, next: () => unknown) => void next(),
      async (_message: unknown, next: () => unknown) => {
        void next();
        return { id: "not yet", position: undefined, unrouted: false };
      },
    ]) {
      const answer = gate();
      const { client, clock } = await withMiddleware(careless as PublishMiddleware, {
        publish: () => answer.opened.then(() => undefined),
      });
      let receipt: unknown;
      const publishing = client.publish(Plain, "1", { id: "mine" }).then((one) => {
        receipt = one;
      });
      await clock.settle();
      expect(receipt).toBe(undefined);
      answer.open();
      await publishing;
      expect(receipt).toMatchObject({ id: "mine" });
    }
    const failing = await withMiddleware(((_message: unknown, next: () => unknown) => void next()) as never, {
      publish: () => {
        throw new VendorError("PERMISSION_DENIED");
      },
    });
    expect((await failureOf(failing.client.publish(Plain, "1")))?.code).toBe("PERMISSION_DENIED");
  });

  it("that neither calls `next` nor returns a receipt has failed", async () => {
    const { client, driver } = await withMiddleware((async () => {}) as never);
    expect(MessagingError.isInstance(await failureOf(client.publish(Plain, "1")))).toBe(true);
    expect(driver.published).toEqual([]);
  });

  it("that throws, at once or later, fails the publish with one error of ours, for one and in a batch", async () => {
    for (const thrown of [new TypeError("broken"), Object.create(null), "text", undefined]) {
      for (const middleware of [() => Promise.reject(thrown), thrower(thrown)]) {
        const { client } = await withMiddleware(middleware as PublishMiddleware);
        const error = await failureOf(client.publish(Plain, "1"));
        expect(error).toMatchObject({ code: "HANDLER_FAILED", cause: thrown });
        const batch = (await failureOf(client.publishBatch(Plain, ["1"]))) as PartialFailureError;
        expect(batch.failures[0]?.error.code).toBe("HANDLER_FAILED");
        expect(client.health().pendingPublishes).toBe(0);
      }
    }
  });

  it("may try again: the same message, with the same id and the same token", async () => {
    let calls = 0;
    const { client, driver } = await withMiddleware((_message, next) => next().catch(next), {
      publish: () => {
        if (++calls === 1) throw new VendorError("PERMISSION_DENIED");
        return undefined;
      },
    });
    const receipt = await client.publish(Keyed, "a1");
    const [first, second] = driver.sent("keyed");
    expect(second?.id).toBe(receipt.id);
    expect(second?.publishToken).toBe(first?.publishToken);
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("that hangs after the message was stored ends with the time limit, too", async () => {
    const { client, clock } = await connected(
      {},
      {
        publishTimeoutMs: 1_000,
        middleware: {
          publish: [
            async (_message, next) => {
              await next();
              return never;
            },
          ],
        },
      },
    );
    const published = failureOf(client.publish(Plain, "1"));
    await clock.pass(1_000);
    const error = await published;
    expect(error?.message).toContain("after the broker had answered");
    expect(error?.message).toContain("stored");
    expect(client.health().pendingPublishes).toBe(0);
    expect(clock.timers).toBe(0);
  });
});

describe("a failure within a batch of one key", () => {
  const failures = (error: unknown) =>
    (error as PartialFailureError).failures.map(({ index, error: { code } }) => [index, code]);

  it("fails what comes after it of that key, and publishing again what failed keeps the order", async () => {
    const Texts = topic<string>("texts", { key: (value) => value.slice(0, 1), codec: text });
    const { client, driver } = await connected({}, { maxPending: { bytes: 1_000 } });
    const batch = ["a1", `a2${"x".repeat(2_000)}`, "b1", "a3", "b2"];
    const error = await failureOf(client.publishBatch(Texts, batch));
    expect(error).toMatchObject({ code: "PARTIAL_FAILURE", retryable: true });
    expect(failures(error)).toEqual([
      [1, "OVERLOADED"],
      [3, "PARTIAL_FAILURE"],
    ]);
    for (const [index] of failures(error)) await client.publish(Texts, batch[index as number] as string);
    const sent = driver.sent("texts").map(({ body }) => new TextDecoder().decode(body).slice(0, 2));
    expect(sent).toEqual(["b1", "a1", "a2", "a3", "b2"].sort((a, b) => sent.indexOf(a) - sent.indexOf(b)));
    expect(sent.filter((value) => value.startsWith("a"))).toEqual(["a1", "a2", "a3"]);
  });

  const picky = (answer: (value: unknown) => unknown) =>
    topic<string>("picky", { key: (value) => value.slice(0, 1), schema: schema(answer) });
  const answer = (value: unknown) =>
    String(value).endsWith("!") ? { issues: [{ message: "no" }] } : { value };
  for (const [how, contract] of [
    ["at once", picky(answer)],
    ["later", picky(async (value) => answer(value))],
  ] as const) {
    it(`does so where its schema refuses one, ${how}`, async () => {
      const { client, driver } = await connected();
      const error = await failureOf(client.publishBatch(contract, ["a1", "a2!", "a3", "b1"]));
      expect(failures(error)).toEqual([
        [1, "VALIDATION_FAILED"],
        [2, "PARTIAL_FAILURE"],
      ]);
      expect(values(driver.sent("picky"))).toEqual(["a1", "b1"]);
    });
  }

  it("does so where one is too large, or hangs in its middleware", async () => {
    const large = await connected();
    const error = await failureOf(large.client.publishBatch(Keyed, [`a${"x".repeat(20_000)}`, "a2", "b1"]));
    expect(failures(error).map(([index]) => index)).toEqual([0, 1]);
    expect(values(large.driver.sent("keyed"))).toEqual(["b1"]);

    const hanging = await connected(
      {},
      {
        publishTimeoutMs: 1_000,
        middleware: { publish: [(message, next) => (message.value === "a1" ? never : next())] },
      },
    );
    const published = failureOf(hanging.client.publishBatch(Keyed, ["a1", "a2", "b1"]));
    await hanging.clock.pass(1_000);
    expect(failures(await published)).toEqual([
      [0, "TIMEOUT"],
      [1, "PARTIAL_FAILURE"],
    ]);
    expect(values(hanging.driver.sent("keyed"))).toEqual(["b1"]);
  });

  it("does so where the broker refuses one for good: what has not left does not leave, nor leave again", async () => {
    let calls = 0;
    const { client, driver, clock } = await connected({
      capabilities: { publishing: { maxMessages: 2, maxBytes: 1_000_000, inFlight: 1 } },
      publish: (batch) =>
        ++calls === 1
          ? batch.map((_, i) => ({
              ok: false,
              cause: new VendorError(i === 0 ? "PERMISSION_DENIED" : "CONNECTION_LOST"),
            }))
          : undefined,
    });
    const published = failureOf(client.publishBatch(Keyed, ["a1", "a2", "a3", "b1"]));
    await clock.pass(1_000);
    expect(failures(await published)).toEqual([
      [0, "PERMISSION_DENIED"],
      [1, "PARTIAL_FAILURE"],
      [2, "PARTIAL_FAILURE"],
    ]);
    expect(values(driver.sent("keyed"))).toEqual(["a1", "a2", "b1"]);
    expect(client.health().pendingPublishes).toBe(0);
  });

  it("says clearly that a batch was larger than what may be pending", async () => {
    const { client } = await connected({}, { maxPending: { messages: 3 } });
    const error = await failureOf(client.publishBatch(Plain, ["1", "2", "3", "4"]));
    expect(failures(error)).toEqual([[3, "OVERLOADED"]]);
    expect(error?.message).toContain("A batch of 4 messages");
    expect(error?.message).toContain("which is 3");
  });
});

describe("what an application gives to a publish", () => {
  it("is taken as it is at that moment: headers, options and bytes", async () => {
    const asynchronous: PublishMiddleware = async (_message, next) => next();
    for (const publish of [[], [asynchronous]]) {
      const { client, driver } = await connected({}, { middleware: { publish } });
      const headers: Record<string, string> = {};
      const Bytes = topic<Uint8Array>("bytes", { codec: bytes });
      const buffer = Buffer.alloc(1);
      const all: Promise<unknown>[] = [];
      for (const part of "abc") {
        headers.part = part;
        buffer.write(part);
        all.push(client.publish(Bytes, buffer, { headers }));
      }
      headers["waybill-attempt"] = "99";
      await Promise.all(all);
      expect(driver.sent("bytes").map((sent) => [Buffer.from(sent.body).toString(), sent.headers])).toEqual(
        [..."abc"].map((part) => [part, { part }]),
      );
    }
  });

  it("that throws when it is looked at is one error of ours", async () => {
    const { client } = await connected();
    const trap = new Proxy({}, { ownKeys: thrower(new TypeError("no")), get: thrower(new TypeError("no")) });
    const options = Object.defineProperty({}, "id", { enumerable: true, get: thrower(new TypeError("no")) });
    for (const failure of [
      client.publish(Plain, "1", { headers: trap as never }),
      client.publish(Plain, "1", options),
      client.publishBatch(Plain, ["1"], options),
      client.publish(Plain, "1", { signal: {} as never }),
      client.publish(Plain, "1", null as never),
    ]) {
      expect(MessagingError.isInstance(await failureOf(failure))).toBe(true);
    }
  });
});

function thrower(thrown: unknown): () => never {
  return () => {
    throw thrown;
  };
}
