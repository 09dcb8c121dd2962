import assert from "node:assert/strict";
import { connect, json, MessagingError, queue as queueContract, topic as topicContract } from "@waybill/core";
import type { Headers, WireMessage } from "@waybill/core/spi";
import { chapter } from "../case.ts";
import type { AnyClient, Context } from "../context.ts";
import { assertMessagingError, failure } from "../failing.ts";
import { watched } from "../refusing.ts";
import { wrapDriver } from "../wrap.ts";

/** A mistake in a call. The types forbid most of them, hence the casts: plain JavaScript has none. */
type Mistake = (client: AnyClient, context: Context) => unknown;

// biome-ignore lint/suspicious/noExplicitAny: what a mistaken caller passes
const wrong = (value: unknown): any => value;
const nothing = () => undefined;

const unknownOptions: Readonly<Record<string, Mistake>> = {
  publish: (client, context) => client.publish(context.topic(), 1, wrong({ header: {} })),
  send: (client, context) => client.send(context.queue(), 1, wrong({ delay: 1 })),
  subscribe: (client, context) =>
    client.subscribe(context.topic(), wrong({ group: context.name(), concurency: 1 }), nothing),
  consume: (client, context) => client.consume(context.queue(), wrong({ group: "g" }), nothing),
  retry: (client, context) => client.consume(context.queue(), { retry: wrong({ attempt: 1 }) }, nothing),
  backoff: (client, context) =>
    client.consume(context.queue(), { retry: { backoff: wrong({ initial: 1 }) } }, nothing),
  redrive: (client, context) => client.redrive({ queue: context.queue() }, wrong({ limit: 1 })),
};

const invalidArguments: Readonly<Record<string, Mistake>> = {
  "negative-concurrency": (client, context) => client.consume(context.queue(), { concurrency: -1 }, nothing),
  "no-concurrency": (client, context) => client.consume(context.queue(), { concurrency: 0 }, nothing),
  "broken-concurrency": (client, context) => client.consume(context.queue(), { concurrency: 1.5 }, nothing),
  "concurrency-as-text": (client, context) =>
    client.consume(context.queue(), { concurrency: wrong("10") }, nothing),
  "prefetch-below-concurrency": (client, context) =>
    client.consume(context.queue(), { concurrency: 10, prefetch: 5 }, nothing),
  "no-attempts": (client, context) => client.consume(context.queue(), { retry: { attempts: 0 } }, nothing),
  "negative-backoff": (client, context) =>
    client.consume(context.queue(), { retry: { backoff: { initialMs: -1 } } }, nothing),
  "no-handler": (client, context) => client.consume(context.queue(), {}, wrong(undefined)),
  "neither-group-nor-broadcast": (client, context) => client.subscribe(context.topic(), wrong({}), nothing),
  "group-and-broadcast": (client, context) =>
    client.subscribe(context.topic(), wrong({ group: context.name(), broadcast: true }), nothing),
  "publish-to-a-queue": (client, context) => client.publish(wrong(context.queue()), 1),
  "send-to-a-topic": (client, context) => client.send(wrong(context.topic()), 1),
  "no-contract": (client) => client.publish(wrong("orders"), 1),
  "broken-timestamp": (client, context) => client.publish(context.topic(), 1, { timestamp: Number.NaN }),
  "id-not-text": (client, context) => client.publish(context.topic(), 1, { id: wrong(7) }),
  "batch-not-a-list": (client, context) => client.publishBatch(context.topic(), wrong("abc")),
  "broken-start": (client, context) =>
    client.subscribe(
      context.topic({ retained: true }),
      wrong({ group: context.name(), start: "yesterday" }),
      nothing,
    ),
};

const badHeaders: readonly unknown[] = [
  { number: 1 },
  { nothing: null },
  { undefined: undefined },
  { object: {} },
  { "waybill-id": "mine" },
  { "Waybill-Attempt": "1" },
  { "": "no name" },
  { lone: "\ud800" },
];

/** Metadata as nobody honest would write it. */
const hostileHeaders: readonly Headers[] = [
  { "waybill-attempt": "banana" },
  { "waybill-attempt": "-5" },
  { "waybill-attempt": "1e308" },
  { "waybill-attempt": "99999999999999999999" },
  { "waybill-dead-attempts": "NaN", "waybill-dead-source": "../../etc" },
  Object.fromEntries([
    ["__proto__", "polluted"],
    ["constructor", "x"],
    ["hasOwnProperty", "x"],
  ]),
];

function wire(id: string, headers: Headers): WireMessage {
  return {
    id,
    body: Buffer.from("1"),
    contentType: "application/json",
    key: undefined,
    timestamp: Date.now(),
    headers,
    delayMs: 0,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
  };
}

/** A mistake is told at once, a failure in words that a program can read, and what fails in the background at the one place for it. */
export const errors = chapter("errors", [
  ...Object.entries(unknownOptions).map(([name, mistake]) => ({
    id: `unknown-option-${name}`,
    title: `An option that ${name} does not have is UNKNOWN_OPTION, and the error lists those that it has.`,
    promise: "P12" as const,
    async run(context: Context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      calls.length = 0;
      const error = await failure(() => mistake(client, context), "UNKNOWN_OPTION");
      assert((error.remedy ?? "").length > 0);
      assert.deepEqual(calls, []);
    },
  })),
  {
    id: "unknown-option-connect",
    title: "An option that connect does not have is UNKNOWN_OPTION.",
    promise: "P12",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      await failure(() => connect(driver, wrong({ topolgy: "create" })), "UNKNOWN_OPTION");
      await failure(() => connect(driver, wrong({ reconnect: { initial: 1 } })), "UNKNOWN_OPTION");
      assert.deepEqual(calls, []);
    },
  },
  {
    id: "unknown-option-contract",
    title:
      "An option that a contract does not have is UNKNOWN_OPTION; a thing that is no schema or codec is INVALID_ARGUMENT.",
    promise: "P12",
    async run(context) {
      const name = context.name();
      await failure(() => topicContract(name, wrong({ retain: true })), "UNKNOWN_OPTION");
      await failure(() => queueContract(name, wrong({ retained: true })), "UNKNOWN_OPTION");
      await failure(() => topicContract(name, { schema: wrong({ parse: nothing }) }), "INVALID_ARGUMENT");
      await failure(() => queueContract(name, { codec: wrong({ encode: nothing }) }), "INVALID_ARGUMENT");
    },
  },
  {
    id: "invalid-connect-option",
    title: "A value that a connect option does not take is INVALID_ARGUMENT, before any I/O.",
    promise: "P12",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      for (const options of [
        { connectTimeoutMs: -1 },
        { publishTimeoutMs: Number.NaN },
        { drainTimeoutMs: "soon" },
        { topology: "make" },
        { maxPending: { messages: 0 } },
        { requires: ["teleport"] },
      ]) {
        await failure(() => connect(driver, wrong(options)), "INVALID_ARGUMENT");
      }
      assert.deepEqual(calls, []);
    },
  },
  ...Object.entries(invalidArguments).map(([name, mistake]) => ({
    id: `invalid-${name}`,
    title: `A call with this mistake is INVALID_ARGUMENT, before any I/O: ${name.replaceAll("-", " ")}.`,
    promise: "P12" as const,
    async run(context: Context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      calls.length = 0;
      const error = await failure(() => mistake(client, context), "INVALID_ARGUMENT");
      assert.equal(error.retryable, false);
      assert.deepEqual(calls, []);
    },
  })),
  {
    id: "invalid-delay",
    title: "A negative or endless delay is INVALID_ARGUMENT, before any I/O.",
    promise: "P12",
    needs: ["delay"],
    async run(context) {
      const client = await context.connect();
      const queue = context.queue();
      for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await failure(() => client.send(queue, 1, { delayMs }), "INVALID_ARGUMENT");
      }
    },
  },
  {
    id: "invalid-ttl",
    title: "A time to live of nothing or less is INVALID_ARGUMENT, before any I/O.",
    promise: "P12",
    needs: ["ttl"],
    async run(context) {
      const client = await context.connect();
      const queue = context.queue();
      for (const ttlMs of [-1, Number.NaN]) {
        await failure(() => client.send(queue, 1, { ttlMs }), "INVALID_ARGUMENT");
      }
    },
  },
  {
    id: "start-needs-a-retained-topic",
    title: "Starting in the past of a topic that is not retained is INVALID_ARGUMENT, before any I/O.",
    promise: "P12",
    needs: ["groupStart"],
    async run(context) {
      const client = await context.connect();
      const options = { group: context.name(), start: "earliest" } as const;
      await failure(() => client.subscribe(context.topic(), options, nothing), "INVALID_ARGUMENT");
    },
  },
  {
    id: "invalid-headers",
    title: "A header that is not text, has no name, or is Waybill's own is INVALID_HEADER, before any I/O.",
    promise: "P12",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      const queue = context.queue();
      calls.length = 0;
      for (const headers of badHeaders) {
        await failure(() => client.send(queue, 1, wrong({ headers })), "INVALID_HEADER");
      }
      assert.equal(calls.includes("publish"), false);
    },
  },
  {
    id: "value-fails-its-schema",
    title:
      "A value that fails its schema is VALIDATION_FAILED, before any I/O, and the error does not repeat it.",
    promise: "P12",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      const schema = {
        "~standard": {
          version: 1 as const,
          vendor: "conformance",
          validate: (value: unknown) =>
            typeof value === "number"
              ? { value }
              : { issues: [{ message: "Expected a number", path: ["total"] }] },
        },
      };
      const queue = context.queue<number>({ schema });
      calls.length = 0;
      const error = await failure(() => client.send(queue, wrong("card 4111")), "VALIDATION_FAILED");
      assert.match(`${error.message} ${JSON.stringify(error.details)}`, /Expected a number/);
      assert(!error.message.includes("4111"), "the value is nobody's business");
      assert.equal(calls.includes("publish"), false);
    },
  },
  {
    id: "value-cannot-be-encoded",
    title: "A value that its codec cannot encode is SERIALIZATION_FAILED, before any I/O.",
    promise: "P12",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      calls.length = 0;
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      const broken = {
        ...json,
        encode() {
          throw new Error("Out of ink.");
        },
      };
      for (const value of [undefined, nothing, 1n, cycle]) {
        await failure(() => client.send(context.queue(), value), "SERIALIZATION_FAILED");
      }
      await failure(() => client.send(context.queue({ codec: broken }), 1), "SERIALIZATION_FAILED");
      assert.equal(calls.includes("publish"), false);
    },
  },
  {
    id: "vendor-errors-are-translated",
    title: "An error of the driver's reaches the caller as a MessagingError that has it as its cause.",
    promise: "P12",
    async run(context) {
      const vendor = new Error("E_VENDOR: computer says no");
      const driver = wrapDriver(context.driver(), {
        connection: () => ({
          publish: async (_to, batch) => batch.map(() => ({ ok: false, cause: vendor })),
        }),
      });
      const client = await context.connect({ publishTimeoutMs: 2_000 }, driver);
      let error: unknown;
      try {
        await client.send(context.queue(), 1);
      } catch (caught) {
        error = caught;
      }
      assertMessagingError(error);
      let cause: unknown = error;
      while (cause !== undefined && cause !== vendor) cause = (cause as Error).cause;
      assert.equal(cause, vendor, "the vendor's own error is among its causes");
    },
  },
  {
    id: "classifying-never-throws",
    title: "Classifying takes anything that may be thrown, and knows nothing of what is not the vendor's.",
    promise: "P12",
    async run(context) {
      const driver = context.driver();
      for (const cause of [undefined, null, 0, "text", {}, [], Symbol("s"), () => 1, Object.create(null)]) {
        assert.equal(driver.classify(cause), undefined);
      }
      assert.equal(driver.classify(new TypeError("x is not a function")), undefined);
    },
  },
  {
    id: "retryable-failures-are-retried",
    title: "A publish that fails as retryable is tried again within its time, and resolves.",
    promise: "P10",
    async run(context) {
      let failures = 0;
      const driver = wrapDriver(context.driver(), {
        connection: (connection) => ({
          publish: async (to, batch, call) => {
            if (failures++ < 2) throw new MessagingError("TIMEOUT", "Said by the suite.");
            return connection.publish(to, batch, call);
          },
        }),
      });
      const client = await context.connect({}, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      assert(failures > 2);
    },
  },
  {
    id: "publish-has-a-bound",
    title: "A publish that is never confirmed fails once its time is over, as retryable.",
    promise: "P10",
    async run(context) {
      const driver = wrapDriver(context.driver(), {
        connection: () => ({
          publish: (_to, _batch, call) =>
            new Promise((_, reject) => {
              call.signal.addEventListener("abort", () => reject(call.signal.reason));
            }),
        }),
      });
      const client = await context.connect({ publishTimeoutMs: 500 }, driver);
      const sending = failure(
        () => client.send(context.queue(), 1),
        "TIMEOUT",
        "UNREACHABLE",
        "CONNECTION_LOST",
      );
      const error = await context.within("the publish to fail", 10_000, sending);
      assert.equal(error.retryable, true);
      await context.within("the client to close", 20_000, client.close({ deadlineMs: 100 }));
    },
  },
  {
    id: "too-much-is-refused",
    title: "What is over `maxPending` fails at once as OVERLOADED and retryable; the rest is not harmed.",
    promise: "P7",
    async run(context) {
      const held: (() => void)[] = [];
      let holding = true;
      const driver = wrapDriver(context.driver(), {
        connection: (connection) => ({
          publish: async (to, batch, call) => {
            if (holding) await new Promise<void>((resolve) => held.push(resolve));
            return connection.publish(to, batch, call);
          },
        }),
      });
      const client = await context.connect({ maxPending: { messages: 10 } }, driver);
      const queue = context.queue<number>();
      const sends = Array.from({ length: 10 }, (_, n) => client.send(queue, n));
      const error = await failure(() => client.send(queue, 10), "OVERLOADED");
      assert.equal(error.retryable, true);
      assert.equal(client.health().pendingPublishes, 10);
      await context.eventually("the publishes to be under way", () => held.length > 0);
      holding = false;
      for (const go of held) go();
      await Promise.all(sends);
      await client.send(queue, 11);
    },
  },
  {
    id: "receive-failure-is-reported-and-survived",
    title: "When receiving fails, `onError` is told, and the subscription resumes by itself.",
    promise: "P10",
    async run(context) {
      let failing = false;
      const driver = wrapDriver(context.driver(), {
        consumer: (consumer) => ({
          receive: async (max, call) => {
            const batch = failing ? [] : await consumer.receive(max, call);
            if (!failing || batch.length > 0) return batch;
            failing = false;
            throw new Error("Said by the suite.");
          },
        }),
      });
      const client = await context.connect({ reconnect: { initialMs: 10, maxMs: 50 } }, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      failing = true;
      await client.send(queue, 2);
      await client.send(queue, 3);
      await context.eventually("the failure", () => !failing);
      await client.send(queue, 4);
      await context.eventually("all", () => new Set(seen.values).size === 4);
      await context.eventually("the report", () => context.background.length > 0);
      for (const error of context.background) assertMessagingError(error);
      assert.equal(seen.subscription.state, "running");
    },
  },
  {
    id: "failed-subscription-says-so",
    title:
      "A subscription that cannot go on is `failed`: `ended` and `onError` tell why, and the client lives on.",
    promise: "P10",
    async run(context) {
      let gone = false;
      const denied = () => new MessagingError("PERMISSION_DENIED", "Said by the suite.");
      const driver = wrapDriver(context.driver(), {
        connection: (connection) => ({
          consume: async (from, hooks, call) => {
            if (gone) throw denied();
            const consumer = await connection.consume(from, hooks, call);
            return {
              receive: async (max, inner) => {
                if (gone) throw denied();
                return consumer.receive(max, inner);
              },
              settle: (batch, inner) => consumer.settle(batch, inner),
              close: () => consumer.close(),
            };
          },
        }),
      });
      const client = await context.connect({ reconnect: { initialMs: 10, maxMs: 50 } }, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      gone = true;
      await client.send(queue, 2);
      const error = await context.within("the end", 30_000, seen.subscription.ended);
      assertMessagingError(error);
      assert.equal(error.code, "SUBSCRIPTION_FAILED");
      assert.equal(seen.subscription.state, "failed");
      assert(context.background.some(({ code }) => code === "SUBSCRIPTION_FAILED"));
      await client.send(queue, 3);
    },
  },
  {
    id: "lost-connection-is-reported-and-survived",
    title:
      "When the driver says that its connection is lost, `onError` is told, and the client connects anew.",
    promise: "P10",
    async run(context) {
      let lose: (cause: unknown) => void = nothing;
      const driver = wrapDriver(context.driver(), {
        hooks: (hooks) => {
          lose = (cause) => hooks.lost(cause);
          return hooks;
        },
      });
      const client = await context.connect({ reconnect: { initialMs: 10, maxMs: 50 } }, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await seen.first(1);
      lose(new Error("Said by the suite."));
      await client.send(queue, 2);
      await context.eventually("the second", () => seen.values.includes(2));
      assert(context.background.length > 0, "`onError` was told");
      await context.eventually("the client to be up", () => client.health().status === "up");
      for (const error of context.background) assertMessagingError(error);
    },
  },
  {
    id: "driver-reports-arrive",
    title: "What a driver reports from the background arrives at `onError` as a MessagingError.",
    promise: "P10",
    async run(context) {
      let report: (cause: unknown) => void = nothing;
      const driver = wrapDriver(context.driver(), {
        hooks: (hooks) => {
          report = (cause) => hooks.report(cause);
          return hooks;
        },
      });
      await context.connect({}, driver);
      report(new Error("Said by the suite."));
      await context.eventually("the report", () => context.background.length > 0);
      for (const error of context.background) assertMessagingError(error);
    },
  },
  {
    id: "lost-settlements-are-reported",
    title:
      "A settlement that the broker refuses as too late arrives at `onError` as LEASE_LOST, and harms nothing.",
    promise: "P3",
    async run(context) {
      let late = true;
      const driver = wrapDriver(context.driver(), {
        consumer: (consumer) => ({
          settle: async (batch, call) => {
            const outcomes = await consumer.settle(batch, call);
            return late ? batch.map(() => "lost" as const) : outcomes;
          },
        }),
      });
      const client = await context.connect({}, driver);
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      await client.send(queue, 1);
      await context.eventually("the report", () =>
        context.background.some(({ code }) => code === "LEASE_LOST"),
      );
      late = false;
      await client.send(queue, 2);
      await seen.first(2);
      assert.equal(seen.subscription.state, "running");
    },
  },
  {
    id: "hostile-headers",
    title: "Metadata that was forged or is broken harms nobody: the message is handled, with sane values.",
    promise: "P13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue, { retry: { attempts: Number.POSITIVE_INFINITY } });
      const call = { signal: context.signal };
      const raw = await context.driver().connect({ lost: nothing, report: nothing }, call);
      context.atEnd(() => raw.close());
      for (const [n, headers] of hostileHeaders.entries()) {
        const [outcome] = await raw.publish(context.address(queue), [wire(`hostile-${n}`, headers)], call);
        assert.equal(outcome?.ok, true);
      }
      for (const one of await seen.first(hostileHeaders.length)) {
        assert(Number.isSafeInteger(one.attempt) && one.attempt >= 1, `attempt ${one.attempt}`);
        assert(Number.isFinite(one.timestamp), `timestamp ${one.timestamp}`);
        for (const value of Object.values(one.headers)) assert.equal(typeof value, "string");
      }
      assert.equal(({} as Record<string, unknown>).polluted, undefined);
      await client.send(queue, 1);
      await seen.first(hostileHeaders.length + 1);
    },
  },
  {
    id: "hostile-times",
    title: "A timestamp beyond all bounds, or none at all, harms nobody.",
    promise: "P13",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      const seen = await context.collect(client, queue);
      const call = { signal: context.signal };
      const raw = await context.driver().connect({ lost: nothing, report: nothing }, call);
      context.atEnd(() => raw.close());
      const times = [0, 1, 253_402_300_799_999];
      for (const [n, timestamp] of times.entries()) {
        await raw.publish(context.address(queue), [{ ...wire(`time-${n}`, {}), timestamp }], call);
      }
      const got = await seen.first(times.length);
      for (const { timestamp } of got) assert(Number.isFinite(timestamp));
    },
  },
]);
