import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import {
  circuitBreaker,
  type Delivery,
  deduplicate,
  type HandleMiddleware,
  memoryDeduplicationStore,
  PostponedError,
  queue,
  ReplyError,
  text,
  timeout,
} from "../src/index.ts";
import { Refusals } from "../src/requests/refusals.ts";
import type { ReceivedMessage } from "../src/spi/index.ts";
import { ManualClock } from "./manual-clock.ts";
import { ManualHandler } from "./manual-handler.ts";
import { type ScriptedDriver, VendorError } from "./scripted-driver.ts";
import { connected, delivery, failureOf, gate, never, values } from "./workbench.ts";

const Questions = queue<number, number, string>("questions", { reply: {} });
const inboxOf = (driver: ScriptedDriver) =>
  driver.consumers.find(({ source }) => source.address.kind === "inbox");
const someInbox = "reply-AAAAAAAAAAAAAAAAAAAAAA";

/** What a responder would send for the newest request. */
function answerTo(
  driver: ScriptedDriver,
  value: unknown,
  rest: Partial<ReceivedMessage> = {},
): ReceivedMessage {
  const request = driver.sent("questions").at(-1);
  return delivery(value, { correlationId: request?.correlationId, ...rest });
}

describe("a request", () => {
  it("carries an inbox, a correlation id and how long it may take, and its reply comes back", async () => {
    const { client, driver, clock } = await connected();
    const asked = client.request(Questions, 7, { timeoutMs: 1_000, headers: { trace: "t" } });
    await clock.settle();
    const inbox = inboxOf(driver);
    expect(driver.sent("questions")).toMatchObject([
      {
        replyTo: inbox?.source.address.name,
        correlationId: expect.any(String),
        headers: { trace: "t", "waybill-request-timeout-ms": "1000" },
      },
    ]);
    inbox?.deliver(answerTo(driver, "seven"));
    expect(await asked).toBe("seven");
    expect(clock.timers).toBe(0);
  });

  it("shows what it carries for responders to nobody who consumes its queue", async () => {
    const { client, driver, clock } = await connected();
    const seen: object[] = [];
    await client.consume(Questions, (_value, { headers }) => void seen.push({ ...headers }));
    void failureOf(client.request(Questions, 7, { headers: { trace: "t" } }));
    await clock.settle();
    const headers = driver.sent("questions")[0]?.headers ?? {};
    expect(Object.keys(headers)).toHaveLength(2);
    const asked = { ...headers, "waybill-request-skew-ms": "5" };
    const consumer = driver.consumers.find(({ source }) => source.address.name === "questions");
    consumer?.deliver(delivery(7, { headers: asked }));
    await clock.settle();
    expect(seen).toEqual([{ trace: "t" }]);
  });

  it("shares one inbox with all others of its client, and replies are never crossed", async () => {
    const { client, driver, clock } = await connected();
    const asked = [1, 2, 3].map((value) => client.request(Questions, value));
    await clock.settle();
    const sent = driver.sent("questions");
    for (const { correlationId, body } of sent.toReversed()) {
      inboxOf(driver)?.deliver(delivery(`reply to ${values([{ body }])[0]}`, { correlationId }));
    }
    expect(await Promise.all(asked)).toEqual(["reply to 1", "reply to 2", "reply to 3"]);
    expect(driver.consumers).toHaveLength(1);
  });

  it("the inbox is named anew for every client, so that no stale reply can reach one", async () => {
    const names = await Promise.all(
      [1, 2].map(async () => {
        const { client, driver, clock } = await connected();
        void failureOf(client.request(Questions, 1));
        await clock.settle();
        return inboxOf(driver)?.source.address.name;
      }),
    );
    expect(new Set(names).size).toBe(2);
  });

  it("without a reply in time fails as REQUEST_TIMEOUT; the reply that comes later is ignored", async () => {
    const { client, driver, clock, errors } = await connected();
    const asked = failureOf(client.request(Questions, 1, { timeoutMs: 1_000 }));
    await clock.pass(1_000);
    expect(await asked).toMatchObject({ code: "REQUEST_TIMEOUT", retryable: true });
    inboxOf(driver)?.deliver(
      answerTo(driver, "late"),
      delivery("nobody's"),
      delivery("x", { correlationId: "x" }),
    );
    await clock.settle();
    expect(errors).toEqual([]);
    expect(client.health().subscriptions.map(({ held }) => held)).toEqual([0]);
  });

  it("never settles what comes to its inbox", async () => {
    const { client, driver, clock } = await connected();
    const asked = client.request(Questions, 1);
    await clock.settle();
    inboxOf(driver)?.deliver(answerTo(driver, "one"), answerTo(driver, "one more"));
    await asked;
    await clock.settle();
    expect(inboxOf(driver)?.settlements).toEqual([]);
  });

  it("renews no lease of what comes to its inbox", async () => {
    const { client, driver, clock } = await connected({ capabilities: { lease: { ms: 3_000 } } });
    const asked = client.request(Questions, 7);
    await clock.settle();
    inboxOf(driver)?.deliver(answerTo(driver, "seven"));
    expect(await asked).toBe("seven");
    expect(clock.timers).toBe(0);
  });

  it("is given up when its signal fires, also while the inbox is opened", async () => {
    for (const script of [{}, { consume: () => never }]) {
      const { client, clock } = await connected(script);
      const abort = new AbortController();
      const asked = failureOf(client.request(Questions, 1, { signal: abort.signal }));
      await clock.settle();
      abort.abort("enough");
      expect(await asked).toMatchObject({ code: "ABORTED", cause: "enough" });
    }
  });

  it("lets go of its signal when it has its reply", async () => {
    const { client, driver, clock } = await connected();
    const { signal } = new AbortController();
    const asked = client.request(Questions, 1, { signal });
    await clock.settle();
    inboxOf(driver)?.deliver(answerTo(driver, "one"));
    await asked;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  it("that could not be sent says why", async () => {
    const { client, clock } = await connected({
      publish: (batch) => batch.map(() => ({ ok: false, cause: new VendorError("PERMISSION_DENIED") })),
    });
    const asked = failureOf(client.request(Questions, 1));
    await clock.settle();
    expect((await asked)?.code).toBe("PERMISSION_DENIED");
  });

  it("is not sent when its time was over before the inbox was open", async () => {
    const opened = gate();
    const { client, driver, clock } = await connected({ consume: () => opened.opened });
    const asked = failureOf(client.request(Questions, 1, { timeoutMs: 1_000 }));
    await clock.pass(1_000);
    expect((await asked)?.code).toBe("REQUEST_TIMEOUT");
    opened.open();
    await clock.settle();
    expect(driver.sent("questions")).toEqual([]);
  });

  it("has the responder's error with its code", async () => {
    const { client, driver, clock } = await connected();
    const asked = failureOf(client.request(Questions, 1));
    await clock.settle();
    const headers = { "waybill-reply-error-code": "NO_STOCK", "waybill-reply-error-message": "sold out" };
    inboxOf(driver)?.deliver(answerTo(driver, "", { headers }));
    const error = await asked;
    expect(error).toMatchObject({
      code: "REMOTE_ERROR",
      retryable: false,
      details: { code: "NO_STOCK", message: "sold out" },
    });
    expect(error?.message).toContain("sold out");
  });

  it("whose reply cannot be read says so", async () => {
    const { client, driver, clock } = await connected();
    const asked = failureOf(client.request(Questions, 1));
    await clock.settle();
    inboxOf(driver)?.deliver(answerTo(driver, "", { body: Uint8Array.of(0xff) }));
    expect((await asked)?.code).toBe("DECODE_FAILED");
  });

  it("whose inbox has failed for good fails with it, and the next opens another", async () => {
    let refusing = false;
    const { client, driver, clock } = await connected({
      consume: () => {
        if (refusing) throw new VendorError("PERMISSION_DENIED");
      },
    });
    const asked = failureOf(client.request(Questions, 1));
    await clock.settle();
    refusing = true;
    inboxOf(driver)?.fail(new VendorError("CONNECTION_LOST"));
    await clock.pass(1_000);
    expect((await asked)?.code).toBe("SUBSCRIPTION_FAILED");
    refusing = false;
    const again = client.request(Questions, 2);
    await clock.settle();
    driver.consumer().deliver(answerTo(driver, "two"));
    expect(await again).toBe("two");
  });

  it("opens its inbox with the next one when the first could not", async () => {
    let refusing = true;
    const { client, driver, clock } = await connected({
      consume: () => {
        if (refusing) throw new VendorError("PERMISSION_DENIED");
      },
    });
    expect((await failureOf(client.request(Questions, 1)))?.code).toBe("PERMISSION_DENIED");
    refusing = false;
    const again = client.request(Questions, 2);
    await clock.settle();
    driver.consumer().deliver(answerTo(driver, "two"));
    expect(await again).toBe("two");
  });

  it("of a queue that answers nothing, or with a time-out that makes no sense, is refused", async () => {
    const { client } = await connected();
    const silent = queue<number>("silent") as unknown as typeof Questions;
    expect((await failureOf(client.request(silent, 1)))?.code).toBe("INVALID_ARGUMENT");
    for (const timeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect((await failureOf(client.request(Questions, 1, { timeoutMs })))?.code).toBe("INVALID_ARGUMENT");
    }
    const wrong = { timeout: 5 } as { timeoutMs?: number };
    expect((await failureOf(client.request(Questions, 1, wrong)))?.code).toBe("UNKNOWN_OPTION");
  });
});

describe("replies", () => {
  it("have ids that nobody can guess, each of its own", async () => {
    const { client, driver, clock } = await connected();
    for (let i = 0; i < 3; i++) void failureOf(client.request(Questions, i));
    await clock.settle();
    const ids = driver.sent("questions").map(({ correlationId }) => correlationId ?? "");
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/);
    const shared = ids.map((id) => id.slice(0, 8));
    expect(new Set(shared).size).toBe(3);
  });

  it("of another queue than the one that was asked are dropped, and told of", async () => {
    const { client, driver, clock, errors } = await connected();
    const asked = client.request(Questions, 1);
    await clock.settle();
    inboxOf(driver)?.deliver(answerTo(driver, "forged", { headers: { "waybill-reply-from": "other" } }));
    await clock.settle();
    inboxOf(driver)?.deliver(answerTo(driver, "true", { headers: { "waybill-reply-from": "questions" } }));
    expect(await asked).toBe("true");
    expect(errors).toMatchObject([{ code: "REMOTE_ERROR", details: { queue: "questions" } }]);
  });

  it("are awaited by no more requests than the bound allows", async () => {
    const { client, clock } = await connected({}, { maxPending: { messages: 2 } });
    const asked = [1, 2, 3].map((value) => failureOf(client.request(Questions, value, { timeoutMs: 100 })));
    await clock.pass(100);
    expect((await Promise.all(asked)).map((error) => error?.code)).toEqual([
      "REQUEST_TIMEOUT",
      "REQUEST_TIMEOUT",
      "OVERLOADED",
    ]);
    expect(clock.timers).toBe(0);
  });

  it("are awaited by no more bytes of requests than the bound allows, and one alone always fits", async () => {
    const { client, driver, clock } = await connected({}, { maxPending: { bytes: 1_000 } });
    const Texts = queue("texts", { codec: text, reply: {} });
    const big = "x".repeat(600);
    const asked = [big, big].map((value) => failureOf(client.request(Texts, value, { timeoutMs: 100 })));
    await clock.settle();
    expect(await asked[1]).toMatchObject({
      code: "OVERLOADED",
      message: expect.stringContaining("`maxPending.bytes` allows 1000"),
    });
    expect(driver.sent("texts"), "what is refused is not sent").toHaveLength(1);
    await clock.pass(100);
    expect(await asked[0]).toMatchObject({ code: "REQUEST_TIMEOUT" });
    // Whatever has ended gives its room back.
    const alone = failureOf(client.request(Texts, "x".repeat(5_000), { timeoutMs: 100 }));
    await clock.pass(100);
    expect(await alone).toMatchObject({ code: "REQUEST_TIMEOUT" });
    const again = failureOf(client.request(Texts, big, { timeoutMs: 100 }));
    await clock.pass(100);
    expect(await again).toMatchObject({ code: "REQUEST_TIMEOUT" });
    expect(clock.timers).toBe(0);
  });

  it("are checked by the contract's schema", async () => {
    const schema = {
      "~standard": {
        version: 1 as const,
        vendor: "test",
        validate: (value: unknown) =>
          typeof value === "string" ? { value } : { issues: [{ message: "no text" }] },
      },
    };
    const Checked = queue("questions", { reply: { schema } });
    const { client, driver, clock } = await connected();
    const asked = failureOf(client.request(Checked, 1));
    await clock.settle();
    inboxOf(driver)?.deliver(answerTo(driver, 5));
    expect((await asked)?.code).toBe("VALIDATION_FAILED");
  });
});

describe("clocks that differ", () => {
  /** A requester and a responder on one memory of messages, whose clocks are apart by `aheadMs`. */
  async function apart(aheadMs: number) {
    const requester = await connected();
    const responder = await connected();
    await responder.clock.pass(Math.max(0, aheadMs));
    responder.clock.setBack(Math.max(0, -aheadMs));
    let calls = 0;
    await responder.client.respond(Questions, (value) => {
      calls++;
      return `${value} it is`;
    });
    let sent = 0;
    let answered = 0;
    const settle = async () => {
      await requester.clock.settle();
      await responder.clock.settle();
    };
    /** Carries what was sent to where it goes, and the replies back. */
    const carry = async () => {
      await settle();
      const asked = requester.driver.sent("questions").slice(sent);
      sent += asked.length;
      for (const { delayMs: _, publishToken: __, ...message } of asked)
        responder.driver.consumer("questions").deliver(delivery(0, message));
      await settle();
      const replies = responder.driver.published.flatMap(({ batch }) => batch).slice(answered);
      answered += replies.length;
      for (const { delayMs: _, publishToken: __, ...message } of replies)
        inboxOf(requester.driver)?.deliver(delivery(0, message));
      await settle();
    };
    return { requester, responder, carry, calls: () => calls };
  }

  for (const aheadMs of [0, 5_000, 300_000, -5_000, -300_000]) {
    it(`by ${aheadMs} ms: a request that somebody waits for is answered, once, and nothing is told`, async () => {
      const { requester, responder, carry, calls } = await apart(aheadMs);
      for (let i = 1; i <= 2; i++) {
        const asked = requester.client.request(Questions, i, { timeoutMs: 2_000 });
        await carry();
        await carry();
        expect(await asked).toBe(`${i} it is`);
      }
      expect(calls()).toBe(2);
      await responder.clock.pass(60_000);
      expect(responder.errors).toEqual([]);
    });

    it(`by ${aheadMs} ms: one that waited too long at the responder is dropped and told of once`, async () => {
      const { requester, responder, carry, calls } = await apart(aheadMs);
      const first = requester.client.request(Questions, 1, { timeoutMs: 2_000 });
      await carry();
      await carry();
      await first;
      const stale = failureOf(requester.client.request(Questions, 2, { timeoutMs: 2_000 }));
      await requester.clock.pass(3_000);
      await responder.clock.pass(3_000);
      expect((await stale)?.code).toBe("REQUEST_TIMEOUT");
      await carry();
      await carry();
      expect(calls()).toBe(1);
      await responder.clock.pass(60_000);
      expect(responder.errors).toMatchObject([{ code: "REQUEST_TIMEOUT", details: { queue: "questions" } }]);
      expect(responder.clock.timers).toBe(0);
    });
  }

  it("are asked three times at most, and no timer outlives the responder", async () => {
    const { client, driver, clock } = await connected();
    const asked = failureOf(client.request(Questions, 1, { timeoutMs: 1_000 }));
    await clock.settle();
    for (let i = 0; i < 6; i++) {
      const refusedAt = {
        "waybill-reply-refused-at": String(clock.now() + i),
        "waybill-reply-error-code": "x",
      };
      inboxOf(driver)?.deliver(answerTo(driver, "", { headers: refusedAt }));
      await clock.settle();
    }
    expect(driver.sent("questions")).toHaveLength(4);
    await clock.pass(1_000);
    expect((await asked)?.code).toBe("REQUEST_TIMEOUT");
    const responder = await connected();
    const subscription = await responder.client.respond(Questions, () => "yes");
    responder.driver.consumer().deliver(
      delivery(1, {
        replyTo: someInbox,
        correlationId: "c",
        headers: { "waybill-request-timeout-ms": "1" },
      }),
    );
    await responder.clock.settle();
    await subscription.close();
    expect(responder.errors).toMatchObject([{ code: "REQUEST_TIMEOUT" }]);
    expect(responder.clock.timers).toBe(0);
  });
});

describe("a responder", () => {
  const asking = (value: unknown, rest: Partial<ReceivedMessage> = {}) =>
    delivery(value, { replyTo: someInbox, correlationId: "c-1", ...rest });

  it("answers to the inbox that asked, and acks the request after that", async () => {
    const stored = gate();
    const { client, driver, clock } = await connected({ publish: () => stored.opened.then(() => undefined) });
    await client.respond(Questions, async (value) => `${value} it is`);
    driver.consumer().deliver(asking(7));
    await clock.settle();
    expect(driver.published[0]?.to).toMatchObject({ kind: "inbox", name: someInbox });
    expect(driver.sent(someInbox)).toMatchObject([{ correlationId: "c-1", contentType: "application/json" }]);
    expect(values(driver.sent(someInbox))).toEqual(["7 it is"]);
    expect(driver.consumer().settled).toEqual([]);
    stored.open();
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 7"]);
  });

  it("makes no inbox by writing to it: whoever asked has made it", async () => {
    const { client, driver, clock } = await connected();
    await client.respond(Questions, () => "yes");
    driver.consumer().deliver(asking(1));
    await clock.settle();
    expect(driver.ensured.map(({ address }) => address.kind)).toEqual(["queue"]);
  });

  it("sends replies to one inbox in batches, and forgets the inbox afterwards", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.respond(Questions, async (value, delivery) => {
      await hands.handler(value, delivery as Delivery);
      return "yes";
    });
    driver.consumer().deliver(...[1, 2, 3].map((n) => asking(n, { correlationId: `c-${n}` })));
    await clock.settle();
    hands.end(1, 2, 3);
    await clock.settle();
    expect(driver.published.map(({ batch }) => batch.length)).toEqual([3]);
    expect(clock.timers).toBe(0);
  });

  it("tells who asked the code of what its handler threw, and the application the rest; nothing is retried", async () => {
    const { client, driver, clock, errors } = await connected();
    await client.respond(Questions, () => {
      throw Object.assign(new Error("cannot reach redis://user:secret@cache"), { code: "NO_CACHE" });
    });
    driver.consumer().deliver(asking(1));
    await clock.settle();
    expect(driver.sent(someInbox)[0]?.headers).toEqual({
      "waybill-reply-from": "questions",
      "waybill-reply-error-code": "NO_CACHE",
    });
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toMatchObject([{ code: "HANDLER_FAILED", details: { queue: "questions" } }]);
  });

  it("tells the message too where the error says so, without credentials", async () => {
    const { client, driver, clock, errors } = await connected();
    await client.respond(Questions, (value) => {
      if (value === 1) throw new ReplyError("NO_STOCK", "sold out at redis://user:secret@cache");
      throw Object.assign(new Error("gone"), { expose: true });
    });
    driver.consumer().deliver(asking(1), asking(2, { correlationId: "c-2" }));
    await clock.settle();
    expect(driver.sent(someInbox).map(({ headers }) => headers)).toMatchObject([
      {
        "waybill-reply-error-code": "NO_STOCK",
        "waybill-reply-error-message": "sold out at redis://***@cache",
      },
      { "waybill-reply-error-code": "HANDLER_FAILED", "waybill-reply-error-message": "gone" },
    ]);
    expect(errors).toEqual([]);
  });

  it("tells who asked nothing of what its own schema or codec throws", async () => {
    const secret = () => {
      throw new Error("db at 10.0.0.7 said: password hunter2");
    };
    const failing = {
      schema: { "~standard": { version: 1, vendor: "x", validate: secret } },
      codec: { ...text, decode: secret },
    } as never;
    for (const [part, code] of [
      ["schema", "VALIDATION_FAILED"],
      ["codec", "DECODE_FAILED"],
    ] as const) {
      const { client, driver, clock, errors } = await connected();
      await client.respond(
        queue<number, number, string>("questions", { reply: {}, [part]: failing[part] }),
        () => "",
      );
      driver.consumer().deliver(asking(1));
      await clock.settle();
      const { headers } = driver.sent(someInbox)[0] ?? {};
      expect(headers).toMatchObject({ "waybill-reply-error-code": code });
      expect(JSON.stringify(headers)).not.toContain("hunter2");
      expect(errors).toMatchObject([{ code: "HANDLER_FAILED" }]);
    }
  });

  it("remembers no request that it dropped by a name of any length", () => {
    const told: unknown[] = [];
    const clock = new ManualClock();
    const refusals = new Refusals("questions", clock, (warning) => told.push(warning));
    refusals.refused("c".repeat(1_001));
    expect(told).toHaveLength(1);
    refusals.refused("c-1");
    expect(told).toHaveLength(1);
    refusals.close();
    expect(told).toHaveLength(2);
    expect(clock.timers).toBe(0);
  });

  it("answers once whatever strange thing its handler throws", async () => {
    const strange: unknown[] = [
      Object.assign(new Error("x"), { message: { a: 1 } }),
      Object.create(null),
      undefined,
      null,
      Symbol("x"),
      { toString: () => Promise.reject(new Error("no")) },
      {
        get code() {
          throw new Error("no");
        },
        get expose() {
          throw new Error("no");
        },
      },
      { expose: true, code: "\ud800".repeat(500) },
      new Proxy(
        {},
        {
          get() {
            throw new Error("no");
          },
          has() {
            throw new Error("no");
          },
        },
      ),
    ];
    const { client, driver, clock } = await connected();
    let calls = 0;
    await client.respond(Questions, (value) => {
      calls++;
      throw strange[value];
    });
    driver.consumer().deliver(...strange.map((_, i) => asking(i, { correlationId: `c-${i}` })));
    await clock.pass(1_000);
    expect(calls).toBe(strange.length);
    const codes = driver.sent(someInbox).map(({ headers }) => headers["waybill-reply-error-code"]);
    expect(codes).toEqual(strange.map(() => "HANDLER_FAILED"));
    expect(driver.consumer().settled).toHaveLength(strange.length);
  });

  it("tells who asked when the request cannot be read", async () => {
    const { client, driver, clock } = await connected();
    let called = 0;
    await client.respond(Questions, () => {
      called++;
      return "yes";
    });
    driver.consumer().deliver(asking("", { body: Uint8Array.of(0xff) }));
    await clock.settle();
    expect(called).toBe(0);
    expect(driver.sent(someInbox)[0]?.headers).toHaveProperty("waybill-reply-error-code");
  });

  it("tells who asked when the reply is not what the contract says, or is too large", async () => {
    const { client, driver, clock } = await connected();
    const Texts = queue<number, number, string>("texts", { reply: { codec: text } });
    await client.respond(Texts, (value) => (value === 1 ? (5 as unknown as string) : "x".repeat(20_000)));
    driver.consumer().deliver(asking(1), asking(2, { correlationId: "c-2" }));
    await clock.settle();
    expect(driver.sent(someInbox).map(({ headers }) => headers["waybill-reply-error-code"])).toEqual([
      "SERIALIZATION_FAILED",
      "MESSAGE_TOO_LARGE",
    ]);
    expect(driver.consumer().settled).toHaveLength(2);
  });

  const hostile = ["orders", "reply-short", `${someInbox}x`, "../reply", `queue:${someInbox}`, ""];
  it("believes no reply address but an inbox's: a request cannot make it write anywhere else", async () => {
    const { client, driver, clock } = await connected();
    const hands = new ManualHandler();
    await client.respond(Questions, async (value, delivery) => {
      void hands.handler(value, delivery as Delivery);
      return "yes";
    });
    driver.consumer().deliver(...hostile.map((replyTo, i) => asking(i, { replyTo })));
    driver.consumer().deliver(delivery(100), asking(101, { correlationId: undefined }));
    await clock.settle();
    expect(driver.published).toEqual([]);
    expect(hands.began).toHaveLength(hostile.length + 2);
    expect(driver.consumer().settled).toHaveLength(hostile.length + 2);
  });

  it("retries and dead-letters what nobody waits for like any other message", async () => {
    const { client, driver, clock, errors } = await connected();
    let calls = 0;
    await client.respond(Questions, { retry: { maxAttempts: 2, backoff: () => 10 } }, () => {
      calls++;
      throw new Error("down");
    });
    driver.consumer().deliver(delivery(1), asking(2, { replyTo: "orders" }));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["retry 1 after 10", "retry 2 after 10"]);
    driver.consumer().deliver(delivery(1, { redeliveries: 1 }));
    await clock.settle();
    expect(calls).toBe(3);
    expect(driver.sent("questions..dead")).toHaveLength(1);
    expect(errors.map(({ code }) => code)).toEqual(["HANDLER_FAILED", "DEAD_LETTERED"]);
    expect(errors[0]?.message).toContain("asks for its reply at an address that is no inbox");
  });

  it("dead-letters at once what nobody waits for and nobody can read", async () => {
    const { client, driver, clock, errors } = await connected();
    await client.respond(Questions, { retry: { isRetryable: () => true } }, () => "yes");
    driver.consumer().deliver(delivery(1, { body: new TextEncoder().encode("{no json") }));
    await clock.settle();
    expect(driver.sent("questions..dead")).toHaveLength(1);
    expect(driver.consumer().settled).toHaveLength(1);
    expect(errors).toMatchObject([{ code: "DEAD_LETTERED", details: { code: "DECODE_FAILED" } }]);
  });

  it("does not mind that whoever asked is gone", async () => {
    const { client, driver, clock, errors } = await connected({
      publish: (batch) => batch.map(() => ({ ok: false, cause: new VendorError("NOT_FOUND") })),
    });
    await client.respond(Questions, () => "yes");
    driver.consumer().deliver(asking(1));
    await clock.settle();
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toEqual([]);
  });

  it("tells once of a reply that the broker refuses for good, and calls nobody again", async () => {
    const { client, driver, clock, errors } = await connected({
      publish: (batch) => batch.map(() => ({ ok: false, cause: new VendorError("PERMISSION_DENIED") })),
    });
    let calls = 0;
    await client.respond(Questions, { retry: { backoff: () => 10, isRetryable: () => true } }, () => {
      calls++;
      return "yes";
    });
    driver.consumer().deliver(asking(1));
    await clock.pass(60_000);
    expect(calls).toBe(1);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toMatchObject([{ code: "PERMISSION_DENIED", details: { queue: "questions" } }]);
    expect(errors[0]?.message).toContain("The reply to a request");
  });

  /** A responder whose client has no room for its reply until `audited` opens. */
  async function crowded(use: HandleMiddleware[] = []) {
    const audited = gate();
    const bench = await connected(
      {
        publish: (_batch, { name }) => (name === "audit" ? audited.opened.then(() => undefined) : undefined),
      },
      { maxPending: { messages: 1 }, publishTimeoutMs: 3_600_000 },
    );
    let calls = 0;
    const responder = await bench.client.respond(Questions, { use }, () => {
      if (calls++ === 0) void failureOf(bench.client.send(queue("audit"), 1));
      return `yes ${calls}`;
    });
    const ask = async (id = "request") => {
      const headers = { "waybill-request-timeout-ms": "10000" };
      bench.driver.consumer("questions").deliver(asking(1, { id, headers, timestamp: bench.clock.now() }));
      await bench.clock.settle();
    };
    return { ...bench, responder, audited, ask, calls: () => calls };
  }

  it("tries the reply alone again where there is no room for it", async () => {
    const { driver, clock, errors, audited, ask, calls } = await crowded();
    await ask();
    await clock.pass(5_000);
    expect(driver.sent(someInbox)).toEqual([]);
    expect(driver.consumer().settled).toEqual([]);
    audited.open();
    await clock.pass(1_000);
    expect(values(driver.sent(someInbox))).toEqual(["yes 1"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(calls()).toBe(1);
    expect(errors).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it("gives a reply up when nobody waits for it any more, and tells of it once", async () => {
    const { driver, clock, errors, ask, calls } = await crowded();
    await ask();
    await clock.pass(12_000);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(calls()).toBe(1);
    expect(errors).toMatchObject([{ code: "OVERLOADED", details: { queue: "questions" } }]);
  });

  it("waits no longer for a reply to be confirmed than whoever asked waits for it", async () => {
    const { client, driver, clock, errors } = await connected({ publish: () => never });
    await client.respond(Questions, () => "yes");
    const headers = { "waybill-request-timeout-ms": "2000" };
    driver.consumer().deliver(asking(1, { headers, timestamp: clock.now() }));
    await clock.pass(1_900);
    expect(driver.consumer().settled).toEqual([]);
    await clock.pass(100);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toMatchObject([{ code: "REQUEST_TIMEOUT", details: { queue: "questions" } }]);
  });

  it("closes no later for a reply that finds no room, acks nothing, and leaves no timer of its own", async () => {
    const { driver, clock, errors, ask, responder, audited } = await crowded();
    await ask();
    const closed = responder.close({ timeoutMs: 500 });
    await clock.pass(500);
    await closed;
    await clock.settle();
    expect(driver.consumer().settled).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["OVERLOADED"]);
    audited.open();
    await clock.settle();
    expect(clock.timers).toBe(0);
  });

  it("counts as handled for `deduplicate` only when its reply is on its way", async () => {
    const { driver, clock, errors, audited, ask, calls } = await crowded([
      deduplicate({ store: memoryDeduplicationStore() }),
    ]);
    await ask();
    await clock.pass(5_000);
    // The second waits for what becomes of the first.
    await ask();
    await clock.pass(6_000);
    expect(errors.map(({ code }) => code)).toEqual(["OVERLOADED"]);
    expect(calls()).toBe(2);
    audited.open();
    await clock.pass(1_000);
    expect(values(driver.sent(someInbox))).toEqual(["yes 2"]);
    await ask();
    expect(calls()).toBe(2);
    expect(driver.consumer("questions").settled).toEqual(["ack 1", "ack 1", "ack 1"]);
    expect(errors).toHaveLength(2);
    expect(errors[1]?.message).toContain("was skipped by a middleware, and is not answered");
  });

  it("is answered though it could not be remembered, and that is told of", async () => {
    const { client, driver, clock, errors } = await connected();
    const store = { has: () => false, add: () => Promise.reject(new Error("away")) };
    await client.respond(Questions, { use: [deduplicate({ store })] }, () => "yes");
    driver.consumer().deliver(asking(1), asking(1, { id: "other" }));
    await clock.settle();
    expect(values(driver.sent(someInbox))).toEqual(["yes", "yes"]);
    expect(driver.consumer().settled).toEqual(["ack 1", "ack 1"]);
    expect(errors.map(({ message }) => message.includes("could not be remembered"))).toEqual([true, true]);
  });

  const codes = (driver: ScriptedDriver) =>
    driver.sent(someInbox).map(({ headers }) => headers["waybill-reply-error-code"] ?? "none");

  it("answers what ran into a time-out at once, once, and keeps its place until its handler has ended", async () => {
    const { client, driver, clock, errors } = await connected();
    const hands = new ManualHandler();
    const retry = { backoff: () => 1 };
    const responder = await client.respond(
      Questions,
      { use: [timeout(100)], retry },
      async (value, delivery) => {
        await hands.handler(value, delivery as Delivery);
        return "late";
      },
    );
    driver.consumer().deliver(asking(1));
    await clock.pass(5_000);
    expect(codes(driver)).toEqual(["HANDLER_TIMEOUT"]);
    expect(hands.began).toEqual(["1"]);
    expect(hands.delivery(1).signal.aborted).toBe(true);
    expect(responder.running).toBe(1);
    expect(errors.map(({ message }) => message).join()).not.toContain("Await `next()`");
    hands.end(1);
    await clock.settle();
    expect(driver.sent(someInbox)).toHaveLength(1);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(responder.running).toBe(0);
  });

  it("lets a circuit breaker see what its handler throws", async () => {
    const { client, driver, clock } = await connected();
    let calls = 0;
    const use = [circuitBreaker({ failureThreshold: 2, pauseMs: 60_000 })];
    const responder = await client.respond(Questions, { use, concurrency: 1 }, () => {
      calls++;
      throw new Error("down");
    });
    for (let n = 0; n < 6; n++) driver.consumer().deliver(asking(n, { correlationId: `c-${n}` }));
    await clock.settle();
    expect(calls).toBe(2);
    expect(responder.state).toBe("paused");
    expect(codes(driver)).toEqual(["HANDLER_FAILED", "HANDLER_FAILED"]);
    await clock.pass(60_000);
    // The one that is tried alone is answered too, and not put off.
    expect(calls).toBe(3);
    expect(codes(driver)[2]).toBe("POSTPONED");
  });

  it("answers with the code of whatever a middleware throws, and when one keeps what the handler threw", async () => {
    const refusing: HandleMiddleware = () => Promise.reject(new ReplyError("NOT_ALLOWED", "no"));
    const keeping: HandleMiddleware = async (_delivery, next) => {
      await next().catch(() => {});
    };
    for (const [layer, code] of [
      [refusing, "NOT_ALLOWED"],
      [keeping, "HANDLER_FAILED"],
    ] as const) {
      const { client, driver, clock } = await connected({}, { middleware: { handle: [layer] } });
      await client.respond(Questions, () => {
        throw new ReplyError("OTHER", "no");
      });
      driver.consumer().deliver(asking(1));
      await clock.settle();
      expect(codes(driver)).toEqual([code]);
      expect(driver.consumer().settled).toEqual(["ack 1"]);
    }
  });

  it("leaves unanswered what a middleware skips, and tells of it", async () => {
    const { client, driver, clock, errors } = await connected();
    await client.respond(Questions, { use: [async () => {}] }, () => "yes");
    driver.consumer().deliver(asking(1));
    await clock.settle();
    expect(driver.published).toEqual([]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
    expect(errors).toMatchObject([{ code: "HANDLER_FAILED", details: { queue: "questions" } }]);
  });

  it("is asked once for what it postpones: that it did is the answer", async () => {
    const { client, driver, clock } = await connected();
    let calls = 0;
    await client.respond(Questions, () => {
      calls++;
      throw new PostponedError("not now", { delayMs: 10 });
    });
    driver.consumer().deliver(asking(1));
    await clock.pass(1_000);
    expect(calls).toBe(1);
    expect(codes(driver)).toEqual(["POSTPONED"]);
    expect(driver.consumer().settled).toEqual(["ack 1"]);
  });

  it("refuses to retry or reject a request by hand, and tells of it where nobody looks", async () => {
    for (const how of ["retry", "reject"] as const) {
      const { client, driver, clock, errors } = await connected();
      await client.respond(Questions, async (value, request) => {
        const refused = (request as Delivery)[how]();
        if (value === 1) await refused;
        return "answer";
      });
      driver.consumer().deliver(asking(1), asking(2, { correlationId: "c-2" }));
      await clock.settle();
      expect(codes(driver).sort()).toEqual(["INVALID_ARGUMENT", "none"]);
      expect(driver.consumer().settled.sort()).toEqual(["ack 1", "ack 2"]);
      await expect
        .poll(() => errors.map(({ code }) => code).sort())
        .toEqual(["HANDLER_FAILED", "INVALID_ARGUMENT"]);
    }
  });

  it("shows middleware the request as its handler gets it, which one may freeze", async () => {
    const seen: unknown[] = [];
    const freezing: HandleMiddleware = async (delivery, next) => {
      seen.push(delivery.value, Object.keys(delivery.headers));
      Object.freeze(delivery);
      await next();
    };
    const { client, driver, clock } = await connected({}, { middleware: { handle: [freezing] } });
    await client.respond(Questions, (value) => `${value} it is`);
    const headers = { trace: "t", "waybill-request-timeout-ms": "60000" };
    driver.consumer().deliver(asking(7, { headers, timestamp: clock.now() }));
    await clock.settle();
    expect(seen).toEqual([7, ["trace"]]);
    expect(values(driver.sent(someInbox))).toEqual(["7 it is"]);
  });

  it("has the request's value in its delivery too", async () => {
    const { client, driver, clock } = await connected();
    const seen: unknown[] = [];
    await client.respond(Questions, (value, delivery) => {
      seen.push(value, delivery.value);
      return "yes";
    });
    driver.consumer().deliver(asking(7));
    await clock.settle();
    expect(seen).toEqual([7, 7]);
  });
});
