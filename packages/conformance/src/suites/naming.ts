import assert from "node:assert/strict";
import { MessagingError, queue as queueContract, topic as topicContract } from "@waybill/core";
import type { Driver } from "@waybill/core/spi";
import { suite } from "../case.ts";
import type { Collector } from "../collector.ts";
import { failure } from "../failing.ts";
import { watched } from "../refusing.ts";

/** Names that no contract may have. */
const illegal = [
  "",
  "has space",
  "slash/ed",
  "two..dots",
  ".leading",
  "trailing.",
  "naïve",
  "new\nline",
  "x".repeat(151),
  "a:b",
  "*",
  "#",
];

/** Portable names of every shape, for the mapping: many that differ in one thing only. */
const shapes = [
  "a",
  "A",
  "a.b",
  "a_b",
  "a-b",
  "a.b.c",
  "a.b_c",
  "a_b.c",
  "a--b",
  "a__b",
  "1",
  "_",
  "-",
  "aB",
  "Ab",
];

/** A driver whose broker has no name for what begins with `forbidden`. */
function withForbiddenNames(driver: Driver, forbidden: string): Driver {
  const { naming } = driver;
  return {
    ...driver,
    connect: (hooks, call) => driver.connect(hooks, call),
    classify: (cause) => driver.classify(cause),
    naming: {
      rule: "Names must not be forbidden.",
      toBrokerName: (name, kind) =>
        name.startsWith(forbidden) ? undefined : naming.toBrokerName(name, kind),
    },
  };
}

/** One portable name, one name on the broker: legal there, or refused with the rule. */
export const naming = suite("naming", [
  ...(["topic", "queue"] as const).map((kind) => ({
    id: `illegal-${kind}`,
    title: `A ${kind} name that is not portable is refused by its contract, with the rule.`,
    guarantee: "G12" as const,
    async run() {
      for (const name of illegal) {
        const error = await failure(
          () => (kind === "topic" ? topicContract(name) : queueContract(name)),
          "INVALID_NAME",
        );
        assert((error.remedy ?? "").length > 0, "the error gives the rule");
      }
    },
  })),
  {
    id: "illegal-group",
    title: "A group name that is not portable is refused before any I/O.",
    guarantee: "G12",
    async run(context) {
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({}, driver);
      calls.length = 0;
      const topic = context.topic();
      for (const group of illegal) {
        await failure(
          () => client.subscribe(topic, { group }, () => undefined),
          "INVALID_NAME",
          "INVALID_ARGUMENT",
        );
      }
      await failure(() => client.topology.declare({ topic, group: "has space" }), "INVALID_NAME");
      assert.deepEqual(calls, []);
    },
  },
  {
    id: "not-on-this-broker",
    title: "A name that this broker cannot have is refused with the broker's rule, before any I/O.",
    guarantee: "G12",
    async run(context) {
      const forbidden = context.name();
      const { driver, calls } = watched(withForbiddenNames(context.driver(), forbidden));
      const client = await context.connect({}, driver);
      calls.length = 0;
      const topic = topicContract(`${forbidden}.x`);
      const error = await failure(() => client.publish(topic, 1), "INVALID_NAME");
      assert.match(`${error.message} ${error.remedy}`, /Names must not be forbidden/);
      await failure(() => client.subscribe(topic, { group: "g" }, () => undefined), "INVALID_NAME");
      await failure(() => client.send(queueContract(`${forbidden}.x`), 1), "INVALID_NAME");
      await failure(() => client.topology.declare(topic), "INVALID_NAME");
      assert.deepEqual(calls, []);
    },
  },
  {
    id: "stay-apart",
    title:
      "Names that differ in a dot, a dash, an underscore or a case stay apart, or the second is refused.",
    guarantee: "G12",
    async run(context) {
      const client = await context.connect();
      const base = context.name();
      const names = [`${base}.x`, `${base}_x`, `${base}-x`, `${base}.X`];
      const seen: { n: number; got: Collector<number> }[] = [];
      for (const [n, name] of names.entries()) {
        const queue = queueContract<number>(name);
        try {
          await client.send(queue, n);
        } catch (error) {
          await failure(() => Promise.reject(error), "NAME_COLLISION", "INVALID_NAME");
          continue;
        }
        seen.push({ n, got: await context.collect(client, queue) });
      }
      assert(seen.length > 0);
      for (const { got } of seen) await got.first(1);
      await context.never(
        "a message of another queue",
        () => seen.some(({ got }) => got.values.length > 1),
        100,
      );
      for (const { n, got } of seen) assert.deepEqual(got.values, [n]);
    },
  },
  {
    id: "topic-and-queue-stay-apart",
    title: "A topic and a queue of the same name stay apart, or the second is refused.",
    guarantee: "G12",
    async run(context) {
      const client = await context.connect();
      const name = context.name();
      const topic = topicContract<string>(name);
      const queue = queueContract<string>(name);
      const fromTopic = await context.collect(client, topic, { group: context.name() });
      try {
        await client.send(queue, "queue");
      } catch (error) {
        await failure(() => Promise.reject(error), "NAME_COLLISION");
        return;
      }
      await client.publish(topic, "topic");
      const fromQueue = await context.collect(client, queue);
      await Promise.all([fromTopic.first(1), fromQueue.first(1)]);
      await context.never(
        "a message of the other",
        () => fromTopic.values.length + fromQueue.values.length > 2,
        100,
      );
      assert.deepEqual([...fromTopic.values, ...fromQueue.values], ["topic", "queue"]);
    },
  },
  {
    id: "map-injectively",
    title: "Two portable names never become one on the broker, unless the adapter says that they collide.",
    guarantee: "G12",
    async run(context) {
      const { naming } = context.target.driver();
      for (const kind of ["topic", "queue", "group", "inbox"] as const) {
        const owners = new Map<string, string>();
        const long = shapes.flatMap((shape) => [
          "x".repeat(150 - shape.length) + shape,
          `${shape}.${"y".repeat(40)}`,
        ]);
        for (const name of [...shapes, ...long]) {
          const brokerName = naming.toBrokerName(name, kind);
          if (brokerName === undefined) continue;
          assert.equal(naming.toBrokerName(name, kind), brokerName, "the mapping is a function");
          const owner = owners.get(brokerName);
          assert.equal(owner, undefined, `${kind} "${owner}" and "${name}" are both "${brokerName}"`);
          owners.set(brokerName, name);
        }
        assert(owners.size > 0);
      }
      assert(naming.rule.length > 0);
    },
  },
  {
    id: "longest",
    title: "A name of the greatest length, with a group of the same, works, or is refused as INVALID_NAME.",
    guarantee: "G12",
    async run(context) {
      const client = await context.connect();
      const name = `${context.name()}.`.padEnd(150, "x");
      const topic = topicContract<number>(name);
      const group = `${context.name()}.`.padEnd(150, "y");
      try {
        const seen = await context.collect(client, topic, { group });
        await client.publish(topic, 1);
        await seen.first(1);
      } catch (error) {
        if (!MessagingError.isInstance(error)) throw error;
        assert.equal(error.code, "INVALID_NAME", error.message);
      }
    },
  },
  {
    id: "dotted-group",
    title: "A group whose name has dots, dashes and capitals works.",
    guarantee: "G12",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const seen = await context.collect(client, topic, { group: `Billing-EU.v2_${context.name()}` });
      await client.publish(topic, 1);
      await seen.first(1);
      assert(seen.deliveries[0]?.group?.startsWith("Billing-EU.v2_"));
    },
  },
  {
    id: "prefix",
    title: "A prefix goes before every name on the broker, and keeps clients with different ones apart.",
    guarantee: "G12",
    async run(context) {
      const [topic, group] = [context.topic<string>(), context.name()];
      const staging = await context.connect({ prefix: "staging." });
      const plain = await context.connect();
      const inStaging = await context.collect(staging, topic, { group });
      const inPlain = await context.collect(plain, topic, { group });
      await staging.publish(topic, "staging");
      await plain.publish(topic, "plain");
      await Promise.all([inStaging.first(1), inPlain.first(1)]);
      await context.never("more", () => inStaging.deliveries.length + inPlain.deliveries.length > 2, 100);
      assert.deepEqual([...inStaging.values, ...inPlain.values], ["staging", "plain"]);
      assert.equal(inStaging.deliveries[0]?.source, topic.name, "applications see the portable name");
      const [report] = await staging.topology.inspect(topic);
      const expected = context.target.driver().naming.toBrokerName(`staging.${topic.name}`, "topic");
      assert.equal(report?.brokerName, expected);
    },
  },
  {
    id: "mapped-names",
    title: "With `names`, a portable name stands for one that exists on the broker already.",
    guarantee: "G12",
    async run(context) {
      const existing = context.queue<string>();
      const brokerName = context.address(existing).brokerName;
      const plain = await context.connect();
      await plain.send(existing, "there");
      const alias = context.queue<string>();
      const client = await context.connect({ names: { [alias.name]: brokerName }, prefix: "unused." });
      const seen = await context.collect(client, alias);
      await seen.first(1);
      assert.deepEqual(seen.values, ["there"]);
      assert.equal(seen.deliveries[0]?.source, alias.name);
      assert.equal((await client.topology.inspect(alias))[0]?.brokerName, brokerName);
    },
  },
]);
