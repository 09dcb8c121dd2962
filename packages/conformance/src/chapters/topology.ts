import assert from "node:assert/strict";
import { MessagingError, queue as queueContract, topic as topicContract } from "@waybill/core";
import type { Driver } from "@waybill/core/spi";
import { chapter } from "../case.ts";
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
      toPhysical: (name, kind) => (name.startsWith(forbidden) ? undefined : naming.toPhysical(name, kind)),
    },
  };
}

/** Topics, queues and groups: made once, looked at without harm, taken away; and their names. */
export const topology = chapter("topology", [
  {
    id: "declaring-is-idempotent",
    title: "Declaring a topic, a group and a queue again changes nothing.",
    promise: "P12",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const queue = context.queue<number>();
      const group = context.name();
      await client.topology.declare(topic, queue, { topic, group });
      await client.publish(topic, 1);
      await client.send(queue, 2);
      await client.topology.declare(topic, queue, { topic, group });
      await (await context.connect()).topology.declare({ topic, group }, queue);
      const fromTopic = await context.collect(client, topic, { group });
      const fromQueue = await context.collect(client, queue);
      await Promise.all([fromTopic.first(1), fromQueue.first(1)]);
      assert.deepEqual([...fromTopic.values, ...fromQueue.values], [1, 2]);
    },
  },
  {
    id: "declaring-at-once-converges",
    title: "Three clients that declare the same at the same time all succeed.",
    promise: "P12",
    async run(context) {
      const clients = await Promise.all([context.connect(), context.connect(), context.connect()]);
      const topic = context.topic<number>();
      const queue = context.queue<number>();
      const group = context.name();
      await Promise.all(clients.map((client) => client.topology.declare(topic, queue, { topic, group })));
      const [client] = clients;
      for (const report of await client.topology.inspect(topic, queue, { topic, group })) {
        assert.equal(report.exists, true, `${report.kind} ${report.name} exists`);
        assert.deepEqual(report.differences, []);
      }
    },
  },
  {
    id: "first-use-at-once-converges",
    title: "Several clients may use what does not exist yet for the first time at the same time.",
    promise: "P12",
    async run(context) {
      const clients = await Promise.all([context.connect(), context.connect(), context.connect()]);
      const topic = context.topic<number>();
      const seen = await Promise.all(
        clients.map((client) => context.collect(client, topic, { group: context.name() })),
      );
      await Promise.all(clients.map((client, n) => client.publish(topic, n)));
      await Promise.all(seen.map((one) => one.first(3)));
    },
  },
  {
    id: "different-settings-are-told",
    title:
      "Declaring an existing queue with another setting converges, or says what differs; it never hangs.",
    promise: "P12",
    needs: ["ordering"],
    async run(context) {
      const client = await context.connect();
      const name = context.name();
      const plain = queueContract<string>(name);
      const ordered = queueContract<string>(name, { key: (value) => value });
      await client.topology.declare(plain);
      const other = await context.connect();
      try {
        await other.topology.declare(ordered);
      } catch (error) {
        await failure(() => Promise.reject(error), "TOPOLOGY_MISMATCH", "INVALID_NAME", "NAME_COLLISION");
        return;
      }
      await other.send(ordered, "a");
      const seen = await context.collect(other, ordered);
      await seen.first(1);
    },
  },
  {
    id: "verify-refuses-what-differs",
    title:
      "With `topology: verify`, what inspecting finds to differ is refused as TOPOLOGY_MISMATCH, and left as it is.",
    promise: "P12",
    needs: ["ordering"],
    async run(context) {
      const name = context.name();
      await (await context.connect()).topology.declare(queueContract<string>(name));
      const ordered = queueContract<string>(name, { key: (value) => value });
      const client = await context.connect({ topology: "verify" });
      const look = async () => (await client.topology.inspect(ordered))[0]?.differences ?? [];
      const differences = await look();
      if (differences.length === 0) {
        // This broker keeps order in any queue: there is nothing to refuse.
        await client.send(ordered, "a");
        return;
      }
      const error = await failure(() => client.send(ordered, "a"), "TOPOLOGY_MISMATCH");
      assert(error.message.includes(name));
      assert.deepEqual(await look(), differences);
    },
  },
  {
    id: "inspect-tells",
    title: "Inspecting tells what exists, what does not, and what each is called on the broker.",
    promise: "P12",
    async run(context) {
      const client = await context.connect();
      const [topic, absentTopic] = [context.topic(), context.topic()];
      const [queue, absentQueue] = [context.queue(), context.queue()];
      const [group, absentGroup] = [context.name(), context.name()];
      await client.topology.declare(topic, queue, { topic, group });
      const reports = await client.topology.inspect(
        topic,
        absentTopic,
        queue,
        absentQueue,
        { topic, group },
        { topic, group: absentGroup },
      );
      assert.deepEqual(
        reports.map(({ kind, name, group, exists }) => [kind, name, group, exists]),
        [
          ["topic", topic.name, undefined, true],
          ["topic", absentTopic.name, undefined, false],
          ["queue", queue.name, undefined, true],
          ["queue", absentQueue.name, undefined, false],
          ["group", topic.name, group, true],
          ["group", topic.name, absentGroup, false],
        ],
      );
      for (const { physical, differences } of reports) {
        assert(physical.length > 0);
        assert(Array.isArray(differences));
      }
    },
  },
  {
    id: "inspect-changes-nothing",
    title: "Inspecting what does not exist does not make it.",
    promise: "P12",
    async run(context) {
      const client = await context.connect();
      const [topic, queue, group] = [context.topic(), context.queue(), context.name()];
      for (let time = 0; time < 2; time++) {
        const reports = await client.topology.inspect(topic, queue, { topic, group });
        assert.deepEqual(
          reports.map(({ exists }) => exists),
          [false, false, false],
        );
      }
    },
  },
  {
    id: "backlog-is-true",
    title: "Where the broker tells a backlog, it is the number of messages waiting.",
    promise: "P12",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      await client.sendBatch(queue, [1, 2, 3]);
      const backlog = async () => (await client.topology.inspect(queue))[0]?.backlog;
      if ((await backlog()) === undefined) return;
      // Some brokers count with a delay, but they all get there.
      await context.eventually("a backlog of three", async () => (await backlog()) === 3);
      const seen = await context.collect(client, queue);
      await seen.first(3);
      await context.eventually("a backlog of none", async () => (await backlog()) === 0);
    },
  },
  {
    id: "verify-refuses-what-is-missing",
    title: "With `topology: verify`, what is missing is refused when it is first used, and not made.",
    promise: "P12",
    async run(context) {
      const client = await context.connect({ topology: "verify" });
      const [topic, queue, group] = [context.topic(), context.queue(), context.name()];
      const codes = ["NOT_FOUND", "TOPOLOGY_MISMATCH"] as const;
      const error = await failure(() => client.publish(topic, 1), ...codes);
      assert(error.message.includes(topic.name), "the error names what is missing");
      await failure(() => client.send(queue, 1), ...codes);
      await failure(() => client.consume(queue, () => undefined), ...codes);
      await failure(() => client.subscribe(topic, { group }, () => undefined), ...codes);
      for (const { exists } of await client.topology.inspect(topic, queue)) assert.equal(exists, false);
    },
  },
  {
    id: "verify-refuses-a-missing-group",
    title:
      "With `topology: verify`, subscribing with a group that does not exist is refused, and does not make it.",
    promise: "P12",
    async run(context) {
      const [topic, group] = [context.topic(), context.name()];
      await (await context.connect()).topology.declare(topic);
      const client = await context.connect({ topology: "verify" });
      await failure(
        () => client.subscribe(topic, { group }, () => undefined),
        "NOT_FOUND",
        "TOPOLOGY_MISMATCH",
      );
      assert.equal((await client.topology.inspect({ topic, group }))[0]?.exists, false);
    },
  },
  {
    id: "verify-allows-what-is-there",
    title: "With `topology: verify`, what was declared beforehand works as usual.",
    promise: "P12",
    async run(context) {
      const [topic, queue, group] = [context.topic<number>(), context.queue<number>(), context.name()];
      const declarer = await context.connect();
      // Subscribing once makes all that a group needs, its dead letter included.
      await (await context.collect(declarer, topic, { group })).subscription.close();
      await (await context.collect(declarer, queue)).subscription.close();
      const client = await context.connect({ topology: "verify" });
      const fromTopic = await context.collect(client, topic, { group });
      const fromQueue = await context.collect(client, queue);
      await client.publish(topic, 1);
      await client.send(queue, 2);
      await Promise.all([fromTopic.first(1), fromQueue.first(1)]);
    },
  },
  {
    id: "assume-does-not-look",
    title: "With `topology: assume`, what exists is used without looking at it or making anything.",
    promise: "P12",
    async run(context) {
      const [topic, queue, group] = [context.topic<number>(), context.queue<number>(), context.name()];
      await (await context.connect()).topology.declare(topic, queue, { topic, group });
      const { driver, calls } = watched(context.driver());
      const client = await context.connect({ topology: "assume" }, driver);
      const fromTopic = await context.collect(client, topic, { group });
      const fromQueue = await context.collect(client, queue);
      await client.publish(topic, 1);
      await client.send(queue, 2);
      await Promise.all([fromTopic.first(1), fromQueue.first(1)]);
      assert.deepEqual(
        calls.filter((call) => call === "ensure" || call === "inspect"),
        [],
      );
    },
  },
  {
    id: "assume-still-declares",
    title: "`declare` makes what it is told to whatever the `topology` option says.",
    promise: "P12",
    async run(context) {
      const client = await context.connect({ topology: "assume" });
      const queue = context.queue<number>();
      await client.topology.declare(queue);
      await client.send(queue, 1);
      const seen = await context.collect(client, queue);
      await seen.first(1);
    },
  },
  {
    id: "remove-takes-away",
    title: "What is removed is gone, and removing it again is no error.",
    promise: "P12",
    async run(context) {
      const client = await context.connect();
      const [topic, queue, group] = [context.topic<number>(), context.queue<number>(), context.name()];
      await client.topology.declare(topic, queue, { topic, group });
      await client.send(queue, 1);
      await client.topology.remove({ topic, group }, topic, queue);
      await context.eventually("all to be gone", async () =>
        (await client.topology.inspect({ topic, group }, topic, queue)).every(({ exists }) => !exists),
      );
      await client.topology.remove({ topic, group }, topic, queue, context.queue());
    },
  },
  {
    id: "remove-group-alone",
    title: "Removing a group leaves its topic and the other groups alone.",
    promise: "P11",
    async run(context) {
      const client = await context.connect();
      const [topic, gone, staying] = [context.topic<number>(), context.name(), context.name()];
      await client.topology.declare({ topic, group: gone }, { topic, group: staying });
      await client.topology.remove({ topic, group: gone });
      await client.publish(topic, 1);
      const seen = await context.collect(client, topic, { group: staying });
      await seen.first(1);
      const reports = await client.topology.inspect(topic, { topic, group: gone }, { topic, group: staying });
      assert.deepEqual(
        reports.map(({ exists }) => exists),
        [true, false, true],
      );
    },
  },
  {
    id: "removed-queue-starts-empty",
    title: "A queue that was removed and declared again is empty.",
    promise: "P12",
    async run(context) {
      const client = await context.connect();
      const queue = context.queue<number>();
      await client.sendBatch(queue, [1, 2, 3]);
      await client.topology.remove(queue);
      await context.eventually(
        "the queue to be gone",
        async () => (await client.topology.inspect(queue))[0]?.exists === false,
      );
      const next = await context.connect();
      await next.topology.declare(queue);
      await next.send(queue, 4);
      const seen = await context.collect(next, queue);
      await seen.first(1);
      await context.never("a message from before", () => seen.deliveries.length > 1, 100);
      assert.deepEqual(seen.values, [4]);
    },
  },
  ...(["topic", "queue"] as const).map((kind) => ({
    id: `illegal-${kind}-name`,
    title: `A ${kind} name that is not portable is refused by its contract, with the rule.`,
    promise: "P12" as const,
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
    id: "illegal-group-name",
    title: "A group name that is not portable is refused before any I/O.",
    promise: "P12",
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
    id: "name-the-broker-has-not",
    title: "A name that this broker cannot have is refused with the broker's rule, before any I/O.",
    promise: "P12",
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
    id: "names-stay-apart",
    title:
      "Names that differ in a dot, a dash, an underscore or a case stay apart, or the second is refused.",
    promise: "P12",
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
    promise: "P12",
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
    id: "names-map-injectively",
    title: "Two portable names never become one on the broker, unless the adapter says that they collide.",
    promise: "P12",
    async run(context) {
      const { naming } = context.target.driver();
      for (const kind of ["topic", "queue", "group", "inbox"] as const) {
        const owners = new Map<string, string>();
        const long = shapes.flatMap((shape) => [
          "x".repeat(150 - shape.length) + shape,
          `${shape}.${"y".repeat(40)}`,
        ]);
        for (const name of [...shapes, ...long]) {
          const physical = naming.toPhysical(name, kind);
          if (physical === undefined) continue;
          assert.equal(naming.toPhysical(name, kind), physical, "the mapping is a function");
          const owner = owners.get(physical);
          assert.equal(owner, undefined, `${kind} "${owner}" and "${name}" are both "${physical}"`);
          owners.set(physical, name);
        }
        assert(owners.size > 0);
      }
      assert(naming.rule.length > 0);
    },
  },
  {
    id: "longest-name",
    title: "A name of the greatest length, with a group of the same, works, or is refused as INVALID_NAME.",
    promise: "P12",
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
    promise: "P12",
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
    promise: "P12",
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
      const expected = context.target.driver().naming.toPhysical(`staging.${topic.name}`, "topic");
      assert.equal(report?.physical, expected);
    },
  },
  {
    id: "mapped-names",
    title: "With `names`, a portable name stands for one that exists on the broker already.",
    promise: "P12",
    async run(context) {
      const existing = context.queue<string>();
      const physical = context.address(existing).physical;
      const plain = await context.connect();
      await plain.send(existing, "there");
      const alias = context.queue<string>();
      const client = await context.connect({ names: { [alias.name]: physical }, prefix: "unused." });
      const seen = await context.collect(client, alias);
      await seen.first(1);
      assert.deepEqual(seen.values, ["there"]);
      assert.equal(seen.deliveries[0]?.source, alias.name);
      assert.equal((await client.topology.inspect(alias))[0]?.physical, physical);
    },
  },
]);
