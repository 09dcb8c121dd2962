import assert from "node:assert/strict";
import { suite } from "../case.ts";
import { Gate } from "../gate.ts";

/** Every group gets every message, the members of one share them, and a queue's consumers share its messages. */
export const groupsAndQueues = suite("groups-and-queues", [
  {
    id: "every-group-gets-every-message",
    title: "Each of three groups gets every message once.",
    guarantee: "G2",
    async run(context) {
      const { client, events, history, publish } = await context.events();
      const groups = [context.name(), context.name(), context.name()];
      await Promise.all(
        groups.map((group) =>
          context.collect(client, events, { group }, (message, { group: told }) => {
            assert.equal(told, group);
            history.deliver(message, group);
          }),
        ),
      );
      history.expect(...groups);
      await publish(50);
      await context.allDelivered(history);
    },
  },
  {
    id: "members-share",
    title: "Members of one group on two clients share its messages: together all of them, each once.",
    guarantee: "G2",
    async run(context) {
      const { client, events, history, publish } = await context.events();
      const group = context.name();
      const member = await context.collect(client, events, { group }, history.record);
      await context.collect(await context.connect(), events, { group }, history.record);
      await publish(200);
      await context.allDelivered(history);
      assert.equal(member.subscription.group, group);
    },
  },
  {
    id: "members-each-get-work",
    title: "While one member of a group is busy, another gets messages.",
    guarantee: "G11",
    async run(context) {
      const topic = context.topic<number>();
      const group = context.name();
      const gate = new Gate();
      context.atEnd(() => gate.open());
      const options = { group, concurrency: 1, prefetch: 1 };
      const one = await context.collect(await context.connect(), topic, options, () => gate.opened);
      const other = await context.collect(await context.connect(), topic, options, () => gate.opened);
      const publisher = await context.connect();
      let n = 0;
      await context.eventually("both to have work", async () => {
        await publisher.publish(topic, n++);
        return one.deliveries.length > 0 && other.deliveries.length > 0;
      });
      gate.open();
    },
  },
  {
    id: "members-of-one-client-share",
    title: "Two subscriptions of one client with the same group are two members of it.",
    guarantee: "G2",
    async run(context) {
      const { client, events, history, publish } = await context.events();
      const group = context.name();
      await context.collect(client, events, { group }, history.record);
      await context.collect(client, events, { group }, history.record);
      await publish(100);
      await context.allDelivered(history);
    },
  },
  {
    id: "queue-delivers-once",
    title: "Three consumers of a queue on two clients share its messages, each once.",
    guarantee: "G2",
    async run(context) {
      const { client, jobs, history, publish } = await context.jobs();
      const other = await context.connect();
      for (const consumer of [client, other, other])
        await context.collect(consumer, jobs, {}, history.record);
      await publish(200);
      await context.allDelivered(history);
    },
  },
  {
    id: "queue-keeps-for-later",
    title: "A queue keeps what was sent before anybody consumed it.",
    guarantee: "G1",
    async run(context) {
      const { client, jobs, history, publish } = await context.jobs();
      await publish(20);
      await client.close();
      await context.collect(await context.connect(), jobs, {}, history.record);
      await context.allDelivered(history);
    },
  },
  {
    id: "declared-group-keeps",
    title: "A group that was declared keeps what is published before its members start.",
    guarantee: "G1",
    async run(context) {
      const { client, events, history, publish } = await context.events();
      const group = context.name();
      await client.topology.declare({ topic: events, group });
      await publish(20);
      await context.collect(await context.connect(), events, { group }, history.record);
      await context.allDelivered(history);
    },
  },
  {
    id: "absent-group-keeps",
    title: "A group whose members have gone keeps what comes meanwhile, and goes on where it was.",
    guarantee: "G2",
    async run(context) {
      const { events, history, publish } = await context.events();
      const group = context.name();
      for (let round = 0; round < 3; round++) {
        const member = await context.connect();
        await context.collect(member, events, { group }, history.record);
        await publish(10);
        await context.eventually("all to be delivered", () => history.complete("reader"));
        await member.close();
        await publish(10);
      }
      await context.collect(await context.connect(), events, { group }, history.record);
      await context.allDelivered(history);
    },
  },
  {
    id: "new-group-starts-now",
    title: "A new group gets what is published from now on, and nothing from before.",
    guarantee: "G2",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<string>();
      const first = await context.collect(client, topic, { group: context.name() });
      await client.publish(topic, "before");
      await first.first(1);
      const late = await context.collect(client, topic, { group: context.name() });
      await client.publish(topic, "after");
      await first.first(2);
      await late.first(1);
      await context.never("more", () => late.deliveries.length > 1, 100);
      assert.deepEqual(late.values, ["after"]);
    },
  },
  {
    id: "same-group-of-two-topics",
    title: "A group name means one group per topic: the same name on two topics shares nothing.",
    guarantee: "G2",
    async run(context) {
      const client = await context.connect();
      const group = context.name();
      const [one, other] = [context.topic<string>(), context.topic<string>()];
      const seenOne = await context.collect(client, one, { group });
      const seenOther = await context.collect(client, other, { group });
      await client.publish(one, "one");
      await client.publish(other, "other");
      await Promise.all([seenOne.first(1), seenOther.first(1)]);
      await seenOne.subscription.close();
      await client.publish(other, "other");
      await seenOther.first(2);
      assert.deepEqual(seenOne.values, ["one"]);
      assert.deepEqual(seenOther.values, ["other", "other"]);
    },
  },
  {
    id: "member-leaves",
    title: "When a member leaves in the middle, the rest of the group gets the rest; nothing is lost.",
    guarantee: "G2",
    timeoutMs: 90_000,
    async run(context) {
      const { events, history, publish } = await context.events({ redelivery: true });
      const group = context.name();
      const staying = await context.connect();
      const leaving = await context.connect();
      await context.collect(staying, events, { group }, history.record);
      await context.collect(leaving, events, { group }, history.record);
      await publish(100);
      await Promise.all([leaving.close(), publish(200)]);
      await context.allDelivered(history, { withinMs: 60_000 });
    },
  },
  {
    id: "member-joins",
    title: "When a member joins in the middle, nothing is lost, and it gets its share.",
    guarantee: "G2",
    timeoutMs: 90_000,
    async run(context) {
      const { events, history, publish } = await context.events({ redelivery: true });
      const options = { group: context.name(), concurrency: 4, prefetch: 4 };
      await context.collect(await context.connect(), events, options, history.record);
      await publish(100);
      const joined = await context.collect(await context.connect(), events, options, history.record);
      await context.eventually("the new member to get some", async () => {
        await publish(1);
        return joined.deliveries.length > 0;
      });
      await context.allDelivered(history, { withinMs: 60_000, duplicates: 20 });
    },
  },
  {
    id: "broadcast-reaches-all",
    title: "Every broadcast subscription gets every live message, and takes none from a group.",
    guarantee: "G2",
    needs: ["broadcast"],
    async run(context) {
      const { client, events, history, publish } = await context.events();
      const other = await context.connect();
      history.expect("b0", "b1", "b2", "group");
      for (const [n, reader] of [client, other, client].entries()) {
        await context.collect(reader, events, { broadcast: true }, (message, { group }) => {
          assert.equal(group, undefined);
          history.deliver(message, `b${n}`);
        });
      }
      await context.collect(client, events, { group: context.name() }, (message) =>
        history.deliver(message, "group"),
      );
      await publish(30);
      await context.allDelivered(history);
    },
  },
  {
    id: "broadcast-is-live-only",
    title: "A broadcast subscription gets nothing from before it, and nothing from while it was away.",
    guarantee: "G2",
    needs: ["broadcast"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<string>();
      await client.publish(topic, "before");
      const first = await context.collect(client, topic, { broadcast: true });
      await client.publish(topic, "during");
      await first.first(1);
      await first.subscription.close();
      await client.publish(topic, "between");
      const second = await context.collect(client, topic, { broadcast: true });
      await client.publish(topic, "after");
      await second.first(1);
      await context.never("more", () => first.deliveries.length + second.deliveries.length > 2, 100);
      assert.deepEqual([...first.values, ...second.values], ["during", "after"]);
    },
  },
  {
    id: "broadcast-leaves-nothing",
    title: "When a broadcast subscription has closed or crashed, nothing of it is left to take messages.",
    guarantee: "G7",
    needs: ["broadcast"],
    parts: ["crash"],
    applies: ({ reportsUnrouted }) => reportsUnrouted || "the broker does not tell what reached nobody",
    timeoutMs: 120_000,
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const crashable = await context.crashable();
      const dying = await context.connect({}, crashable.driver);
      const closing = await context.collect(client, topic, { broadcast: true });
      await context.collect(dying, topic, { broadcast: true });
      assert.equal((await client.publish(topic, 1)).unrouted, false);
      await closing.subscription.close();
      await crashable.die();
      await context.eventually(
        "nobody to be left",
        async () => (await client.publish(topic, 2)).unrouted,
        90_000,
      );
    },
  },
  {
    id: "broadcast-retries-for-itself",
    title: "A broadcast subscription's failed message comes again to it, and to nobody else.",
    guarantee: "G4",
    needs: ["broadcast"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<string>();
      const options = {
        broadcast: true as const,
        retry: { maxAttempts: 3, backoff: { initialMs: 10, jitter: 0 } },
      };
      const failing = await context.collect(client, topic, options, (_value, { attempt }) => {
        if (attempt === 1) throw new Error("Not yet.");
      });
      const other = await context.collect(client, topic, { broadcast: true });
      const group = await context.collect(client, topic, { group: context.name() });
      await client.publish(topic, "a");
      const attempts = await failing.first(2);
      await Promise.all([other.first(1), group.first(1)]);
      await context.never(
        "a second delivery elsewhere",
        () => other.deliveries.length + group.deliveries.length > 2,
      );
      assert.deepEqual(
        attempts.map(({ attempt }) => attempt),
        [1, 2],
      );
    },
  },
]);
