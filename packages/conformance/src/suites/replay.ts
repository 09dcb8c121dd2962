import assert from "node:assert/strict";
import type { Start } from "@waybill/core";
import type { Capabilities, ReplaySupport } from "@waybill/core/spi";
import type { AnyClient } from "../any-client.ts";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";

const starts = (which: "replay" | "groupStart", from: ReplaySupport["from"][number]) => (it: Capabilities) =>
  it.features[which]?.from.includes(from) === true || `the broker cannot start at ${from}`;

/** A retained topic with ten numbers in it, a live group that has read them, and where and when the sixth was stored. */
async function published(context: Context) {
  const client = await context.connect();
  const topic = context.topic<number>({ retained: true });
  const live = await context.collect(client, topic, { group: context.name() });
  let time = 0;
  for (let n = 0; n < 10; n++) {
    if (n === 5) {
      // Brokers keep milliseconds: without a gap the fifth and the sixth share one.
      await gap(context);
      time = Date.now();
      await gap(context);
    }
    await client.publish(topic, n);
  }
  await live.first(10);
  const position = live.deliveries.find(({ value }) => value === 5)?.position;
  return { client, topic, live, time, position };
}

const gap = (context: Context) => context.never("nothing", () => false, 30);

const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

interface Published {
  readonly client: AnyClient;
  readonly time: number;
  readonly position: string | undefined;
}

const beginnings: readonly {
  readonly name: ReplaySupport["from"][number];
  readonly start: (from: Published) => Start;
  readonly expected: readonly number[];
}[] = [
  { name: "earliest", start: () => "earliest", expected: all },
  { name: "time", start: ({ time }) => ({ time }), expected: all.slice(5) },
  {
    name: "position",
    start: ({ position }) => ({
      position: position ?? assert.fail("a delivery of a retained topic has a position"),
    }),
    expected: all.slice(5),
  },
];

/** Reading again what was read before, and starting late without having missed anything. */
export const replay = suite("replay", [
  ...beginnings.map(({ name, start, expected }) => ({
    id: `from-${name}`,
    title: `A replay from ${name} gets every message from there on, once, and then the live ones.`,
    guarantee: "G2" as const,
    needs: ["broadcast", "replay"] as const,
    applies: starts("replay", name),
    async run(context: Context) {
      const given = await published(context);
      const { client, topic } = given;
      const seen = await context.collect(client, topic, { broadcast: true, start: start(given) });
      await seen.first(expected.length);
      await client.publish(topic, 10);
      await seen.first(expected.length + 1);
      await context.never("more", () => seen.deliveries.length > expected.length + 1, 100);
      assert.deepEqual(sorted(seen.values), [...expected, 10]);
    },
  })),
  ...beginnings.map(({ name, start, expected }) => ({
    id: `group-from-${name}`,
    title: `A new group that starts at ${name} gets every message from there on, once, and then the live ones.`,
    guarantee: "G2" as const,
    needs: ["groupStart"] as const,
    applies: starts("groupStart", name),
    async run(context: Context) {
      const given = await published(context);
      const { client, topic } = given;
      const seen = await context.collect(client, topic, { group: context.name(), start: start(given) });
      await seen.first(expected.length);
      await client.publish(topic, 10);
      await seen.first(expected.length + 1);
      await context.never("more", () => seen.deliveries.length > expected.length + 1, 100);
      assert.deepEqual(sorted(seen.values), [...expected, 10]);
    },
  })),
  {
    id: "time-as-date",
    title: "A start in time may be a Date.",
    guarantee: "G2",
    needs: ["broadcast", "replay"],
    applies: starts("replay", "time"),
    async run(context) {
      const { client, topic, time } = await published(context);
      const past = await context.collect(client, topic, { broadcast: true, start: { time: new Date(time) } });
      await past.first(5);
      assert.deepEqual(sorted(past.values), all.slice(5));
    },
  },
  {
    id: "leaves-the-live-group-alone",
    title: "A replay gives the live group nothing again and takes nothing from it.",
    guarantee: "G11",
    needs: ["broadcast", "replay"],
    applies: starts("replay", "earliest"),
    async run(context) {
      const { client, topic, live } = await published(context);
      const replayed = await context.collect(client, topic, { broadcast: true, start: "earliest" });
      await replayed.first(10);
      await client.publish(topic, 10);
      await Promise.all([live.first(11), replayed.first(11)]);
      await replayed.subscription.close();
      await client.publish(topic, 11);
      await live.first(12);
      await context.never("more", () => live.deliveries.length > 12, 100);
      assert.deepEqual(sorted(live.values), [...all, 10, 11]);
    },
  },
  {
    id: "may-be-repeated",
    title: "The same replay twice, also at once, gets the same messages twice.",
    guarantee: "G2",
    needs: ["broadcast", "replay"],
    applies: starts("replay", "earliest"),
    async run(context) {
      const { client, topic } = await published(context);
      const options = { broadcast: true, start: "earliest" } as const;
      const [one, other] = await Promise.all([
        context.collect(client, topic, options),
        context.collect(client, topic, options),
      ]);
      await Promise.all([one.first(10), other.first(10)]);
      assert.deepEqual(sorted(one.values), all);
      assert.deepEqual(sorted(other.values), all);
    },
  },
  {
    id: "keeps-order-per-key",
    title: "A replay of an ordered topic comes in the order of publishing, key by key.",
    guarantee: "G6",
    needs: ["broadcast", "replay", "ordering"],
    applies: starts("replay", "earliest"),
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<{ p: string; k: string; n: number }>({ retained: true, key: ({ k }) => k });
      const history = context.history({ ordered: true });
      for (let n = 0; n < 100; n++) {
        await history.publish((message) => client.publish(topic, message), `k${n % 4}`);
      }
      await context.collect(client, topic, { broadcast: true, start: "earliest" }, (message) =>
        history.deliver(message),
      );
      await context.eventually("all to be replayed", () => history.complete("reader"));
      history.check();
    },
  },
  {
    id: "start-matters-only-once",
    title: "A group that exists goes on where it was, whatever start it is given.",
    guarantee: "G2",
    needs: ["groupStart"],
    applies: starts("groupStart", "earliest"),
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>({ retained: true });
      const group = context.name();
      await client.publish(topic, 1);
      const first = await context.collect(client, topic, { group, start: "earliest" });
      await first.first(1);
      await first.subscription.close();
      await client.publish(topic, 2);
      const again = await context.collect(client, topic, { group, start: "earliest" });
      await again.first(1);
      await context.never("more", () => again.deliveries.length > 1, 100);
      assert.deepEqual(again.values, [2]);
    },
  },
  {
    id: "declared-with-a-start",
    title: "A group declared with a start begins there.",
    guarantee: "G2",
    needs: ["groupStart"],
    applies: starts("groupStart", "earliest"),
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>({ retained: true });
      const group = context.name();
      await client.publish(topic, 1);
      await client.topology.declare({ topic, group, start: "earliest" });
      await client.publish(topic, 2);
      const seen = await context.collect(client, topic, { group });
      await seen.first(2);
      assert.deepEqual(sorted(seen.values), [1, 2]);
    },
  },
  {
    id: "latest-on-a-retained-topic",
    title: "Without a start, a new group of a retained topic gets only what follows.",
    guarantee: "G2",
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>({ retained: true });
      await client.publish(topic, 1);
      const seen = await context.collect(client, topic, { group: context.name() });
      await client.publish(topic, 2);
      await seen.first(1);
      await context.never("more", () => seen.deliveries.length > 1, 100);
      assert.deepEqual(seen.values, [2]);
    },
  },
]);
