import { describe, expect, it } from "vitest";
import {
  expectRefusal,
  expectRefusals,
  hostileOptions,
  hostileValues,
} from "../../../scripts/testing/hostile.ts";
import * as core from "../src/index.ts";
import { option, readOptions } from "../src/spi/index.ts";
import { ScriptedDriver } from "./scripted-driver.ts";
import { connected, failureOf } from "./workbench.ts";

const values = Object.entries(hostileValues());

describe("errors", () => {
  const made: Record<string, (given: never) => unknown> = {
    "the code": (given) => new core.MessagingError(given, "no"),
    "the message": (given) => new core.MessagingError("TIMEOUT", given),
    "the options": (given) => new core.MessagingError("TIMEOUT", "no", given),
    "the feature": (given) => new core.UnsupportedError(given, "memory", "Wait."),
    "the adapter": (given) => new core.UnsupportedError("delays", given, "Wait."),
    "the remedy": (given) => new core.UnsupportedError("delays", "memory", given),
    failures: (given) => new core.PartialFailureError(given, 1),
    "a failure": (given) => new core.PartialFailureError([given], 1),
    "the error of a failure": (given) => new core.PartialFailureError([{ index: 0, error: given }], 1),
    "the number of messages": (given) => new core.PartialFailureError([], given),
    "the message of a NonRetryableError": (given) => new core.NonRetryableError(given),
    "the options of a NonRetryableError": (given) => new core.NonRetryableError("no", given),
    "the message of a PostponedError": (given) => new core.PostponedError(given, { delayMs: 1 }),
    "the options of a PostponedError": (given) => new core.PostponedError("no", given),
    "the delay of a PostponedError": (given) => new core.PostponedError("no", { delayMs: given }),
    "the code of a ReplyError": (given) => new core.ReplyError(given, "no"),
    "the message of a ReplyError": (given) => new core.ReplyError("NO", given),
    "the options of a ReplyError": (given) => new core.ReplyError("NO", "no", given),
  };
  it.each(Object.entries(made))("%s", (what, make) => {
    for (const [odd, value] of values) expectRefusal(`${what}: ${odd}`, () => make(value as never));
  });

  it("of options that are odd are no errors of another kind", () => {
    for (const [what, options] of hostileOptions(["remedy", "retryable", "cause", "details"])) {
      expectRefusal(what, () => new core.MessagingError("TIMEOUT", "no", options));
      expectRefusal(what, () => new core.NonRetryableError("no", options));
      if (!what.endsWith("a getter that throws")) continue;
      for (const make of [
        () => new core.MessagingError("TIMEOUT", "no", options),
        () => new core.NonRetryableError("no", options),
      ])
        expect(make, what).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    }
  });

  it("with a cause that refuses to be read are as good as any", () => {
    for (const [what, cause] of values) {
      const error = new core.MessagingError("TIMEOUT", "no", { cause });
      expect(core.MessagingError.isInstance(error), what).toBe(true);
      expect(JSON.parse(JSON.stringify(error)), what).toMatchObject({ code: "TIMEOUT", message: "no" });
    }
    expect(new core.MessagingError("TIMEOUT", undefined as never).message).toBe("");
  });
});

describe("factories", () => {
  const table = (...names: string[]) => Object.fromEntries(names.map((name) => [name, true]));
  it("of contracts", () => {
    expectRefusals((options) => core.topic("a", options), table("schema", "codec", "key", "retained"));
    expectRefusals((options) => core.queue("a", options), table("schema", "codec", "key", "reply"));
    expectRefusals((reply) => core.queue("a", { reply }), table("schema", "codec"));
    for (const [what, value] of values) {
      expectRefusal(what, () => core.topic(value as never));
      expectRefusal(what, () => core.queue(value as never));
    }
  });

  it("of middleware and stores", () => {
    expectRefusals(core.circuitBreaker, table("failureThreshold", "pauseMs", "isFailure"));
    expectRefusals(core.memoryDeduplicationStore, table("max"));
    expectRefusals(core.deduplicate, table("store", "key"));
    const store = core.memoryDeduplicationStore();
    expectRefusals((options) => core.deduplicate(options), table("key"), { store });
    for (const [what, value] of values) expectRefusal(what, () => core.timeout(value as never));
  });

  it("of what is asked of a message, an adapter, a dead-letter queue", () => {
    for (const [what, value] of values) {
      expectRefusal(what, () => core.adapterPackageOf(value as never));
      expectRefusal(what, () => core.deadLetterOf(value as never));
      expectRefusal(what, () => core.deadLetterDetails(value as never));
    }
  });

  it("of an adapter's options, whatever reads them", () => {
    const given = option.object("An object.", "an object", () => {
      throw new TypeError("no");
    });
    expect(() => readOptions("mine", { given }, { object: { given: {} } })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
    const items = ["a"];
    const { list } = readOptions(
      "mine",
      { list: option.list("A list.", undefined) },
      { object: { list: items } },
    );
    items.push("b");
    expect(list).toEqual(["a"]);
  });
});

const Jobs = core.queue<number>("jobs");
const Questions = core.queue<number, number, number>("questions", { reply: {} });
const Orders = core.topic<number>("orders");

it("options of calls that throw when they are read are refused", async () => {
  const { client } = await connected();
  const subscription = await client.consume(Jobs, () => {});
  const retry = ["maxAttempts", "backoff", "isRetryable"];
  const calls: [readonly string[], (options: never) => Promise<unknown>][] = [
    [["timeoutMs"], (options) => client.close(options)],
    [["timeoutMs"], (options) => subscription.close(options)],
    [["timeoutMs", "headers", "signal"], (options) => client.request(Questions, 1, options)],
    [retry, (options) => client.consume(Jobs, { retry: options }, () => {})],
    [["initialMs", "jitter"], (backoff) => client.consume(Jobs, { retry: { backoff } }, () => {})],
    [["headers", "id", "delayMs", "ttlMs", "signal"], (options) => client.publish(Orders, 1, options)],
    [
      ["max", "filter", "dryRun", "deadLetter", "signal"],
      (options) => client.redrive({ queue: Jobs }, options),
    ],
    [["url", "driver", "clock", "logger"], (options) => core.connect(options)],
    [["clock", "reconnect", "maxPending", "names"], (options) => core.connect("memory:", options)],
  ];
  for (const [names, call] of calls) {
    for (const [what, options] of hostileOptions(names)) {
      if (!what.endsWith("a getter that throws")) continue;
      const error = await failureOf(call(options as never));
      expect(error, `${call} ${what}`).toMatchObject({ code: expect.stringMatching(/^INVALID_/) });
    }
  }
});

describe("nothing is taken in a form that means nothing", () => {
  const Kept = core.topic<number>("kept", { retained: true });
  const handler = () => {};
  type Connected = Awaited<ReturnType<typeof connected>>["client"];
  const calls: Record<string, (client: Connected) => Promise<unknown>> = {
    ...Object.fromEntries(
      ["2020", null, true, [], new Date("no"), Number.NaN].map((time) => [
        `a time to start at: ${JSON.stringify(time)}`,
        (client) => client.subscribe(Kept, { group: "g", start: { time: time as never } }, handler),
      ]),
    ),
    "two places to start at": (client) =>
      client.subscribe(Kept, { group: "g", start: { time: 1, position: "1" } }, handler),
    "no broadcast": (client) => client.subscribe(Orders, { broadcast: false as never }, handler),
    "a broadcast in words": (client) => client.subscribe(Orders, { broadcast: "yes" as never }, handler),
    "a Map of retries": (client) => client.consume(Jobs, { retry: new Map() as never }, handler),
    "an array of options": (client) => client.consume(Jobs, [] as never, handler),
    "a Map as a filter": (client) =>
      client.subscribe(Orders, { group: "g", filter: new Map() as never }, handler),
    "more after the handler": (client) => Reflect.apply(client.consume, client, [Jobs, {}, handler, 5]),
    "more after a responder": (client) => Reflect.apply(client.respond, client, [Questions, {}, handler, 5]),
    "a group without a name": (client) => client.redrive({ topic: Orders, group: "" }),
    "a Map of names": () => core.connect(new ScriptedDriver(), { names: new Map([["a", 5]]) as never }),
    "a URL beside a driver": () => core.connect({ driver: new ScriptedDriver(), url: "memory:" } as never),
    "options twice": () => core.connect({ driver: new ScriptedDriver() } as never, { prefix: "a." }),
  };
  it.each(Object.entries(calls))("%s", async (_what, call) => {
    const { client } = await connected();
    expect(await failureOf(call(client))).toMatchObject({
      code: expect.stringMatching(/^(INVALID_|UNKNOWN_OPTION)/),
      remedy: expect.any(String),
    });
    await client.close();
  });

  it("names of groups that no group can have", () => {
    for (const group of ["", "a b", "a..b"]) {
      expect(() => core.deadLetterOf({ topic: Orders, group })).toThrow(
        expect.objectContaining({ code: "INVALID_NAME" }),
      );
    }
  });
});
