import assert from "node:assert/strict";
import { queue as queueContract } from "@waybill/core";
import { suite } from "../case.ts";
import { failure } from "../failing.ts";
import { watched } from "../refusing.ts";

/** Topics, queues and groups: made once, looked at without harm, taken away. */
export const topology = suite("topology", [
  {
    id: "declaring-is-idempotent",
    title: "Declaring a topic, a group and a queue again changes nothing.",
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
      for (const { brokerName, differences } of reports) {
        assert(brokerName.length > 0);
        assert(Array.isArray(differences));
      }
    },
  },
  {
    id: "inspect-changes-nothing",
    title: "Inspecting what does not exist does not make it.",
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
    async run(context) {
      const [topic, queue, group] = [context.topic<number>(), context.queue<number>(), context.name()];
      const declarer = await context.connect();
      // Subscribing once makes all that a group needs, its dead-letter queue included.
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G12",
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
    guarantee: "G11",
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
    guarantee: "G12",
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
]);
