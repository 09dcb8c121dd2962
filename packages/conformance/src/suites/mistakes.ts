import assert from "node:assert/strict";
import { connect, json, queue as queueContract, topic as topicContract } from "@waybill/core";
import type { AnyClient } from "../any-client.ts";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";
import { failure } from "../failing.ts";
import { watched } from "../refusing.ts";

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
  "no-attempts": (client, context) => client.consume(context.queue(), { retry: { maxAttempts: 0 } }, nothing),
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

/** A mistake is told at once, before any I/O, and the error says what would be right. */
export const mistakes = suite("mistakes", [
  ...Object.entries(unknownOptions).map(([name, mistake]) => ({
    id: `unknown-option-${name}`,
    title: `An option that ${name} does not have is UNKNOWN_OPTION, and the error lists those that it has.`,
    guarantee: "G12" as const,
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12" as const,
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
]);
