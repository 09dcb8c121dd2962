import assert from "node:assert/strict";
import { type Delivery, deadLetterOf, type Filter } from "@waybill/core";
import { suite } from "../case.ts";
import type { Context } from "../context.ts";
import { quickRetry } from "../quick-retry.ts";

const shades: readonly Readonly<Record<string, string>>[] = [
  { colour: "red" },
  { colour: "dark-red" },
  { colour: "blue", size: "9" },
  { colour: "red", size: "9" },
  { size: "10" },
  {},
];

const filters: readonly {
  readonly id: string;
  readonly filter: Filter;
  readonly expected: readonly number[];
}[] = [
  { id: "equality", filter: { colour: "red" }, expected: [0, 3] },
  { id: "any-of", filter: { colour: ["blue", "dark-red"] }, expected: [1, 2] },
  { id: "prefix", filter: { colour: { prefix: "dark-" } }, expected: [1] },
  { id: "existence", filter: { size: { exists: true } }, expected: [2, 3, 4] },
  { id: "absence", filter: { colour: { exists: false } }, expected: [4, 5] },
  { id: "all-conditions", filter: { colour: "red", size: "9" }, expected: [3] },
];

const attempts = (deliveries: readonly Delivery[]) => deliveries.map(({ attempt }) => attempt);
const numbers = (values: readonly number[]) => [...values].sort((a, b) => a - b);

/** A subscription with a filter gets what matches, and what does not is dropped for it alone. */
export const filtering = suite("filters", [
  ...filters.map(({ id, filter, expected }) => ({
    id,
    title: `A filter by ${id.replaceAll("-", " ")} lets through what matches, and nothing else.`,
    guarantee: "G2" as const,
    needs: ["filters"] as const,
    async run(context: Context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const filtered = await context.collect(client, topic, { group: context.name(), filter });
      const plain = await context.collect(client, topic, { group: context.name() });
      for (const [n, headers] of shades.entries()) await client.publish(topic, n, { headers });
      await Promise.all([filtered.first(expected.length), plain.first(shades.length)]);
      await context.never("more", () => filtered.deliveries.length > expected.length, 100);
      assert.deepEqual(numbers(filtered.values), expected);
      assert.deepEqual(numbers(plain.values), [0, 1, 2, 3, 4, 5]);
    },
  })),
  {
    id: "filtered-out-is-done",
    title: "What a filter dropped does not come back when the group's members start anew.",
    guarantee: "G2",
    needs: ["filters"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const group = context.name();
      const first = await context.collect(client, topic, { group, filter: { colour: "red" } });
      await client.publish(topic, 0, { headers: { colour: "blue" } });
      await client.publish(topic, 1, { headers: { colour: "red" } });
      await first.first(1);
      await first.subscription.close();
      const again = await context.collect(client, topic, { group, filter: { colour: "red" } });
      await client.publish(topic, 2, { headers: { colour: "red" } });
      await again.first(1);
      await context.never("more", () => again.deliveries.length > 1, 100);
      assert.deepEqual(again.values, [2]);
    },
  },
  {
    id: "retried",
    title: "What failed in a group with a filter is retried in it, and the filter still holds.",
    guarantee: "G4",
    needs: ["filters"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const options = { group: context.name(), filter: { colour: "red" }, retry: quickRetry() };
      const seen = await context.collect(client, topic, options, (_value, { attempt }) => {
        if (attempt === 1) throw new Error("once more");
      });
      await client.publish(topic, 0, { headers: { colour: "red" } });
      assert.deepEqual(attempts(await seen.first(2)), [1, 2]);
      await client.publish(topic, 1, { headers: { colour: "blue" } });
      await client.publish(topic, 2, { headers: { colour: "red" } });
      assert.deepEqual(attempts(await seen.first(4)), [1, 2, 1, 2]);
      assert.deepEqual(seen.values, [0, 0, 2, 2]);
    },
  },
  {
    id: "redriven",
    title: "A dead-lettered message of a group with a filter comes back to it, and the filter still holds.",
    guarantee: "G5",
    needs: ["filters"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const group = context.name();
      let broken = true;
      const options = { group, filter: { colour: "red" }, retry: quickRetry(1) };
      await client.topology.declare(deadLetterOf({ topic, group }));
      const seen = await context.collect(client, topic, options, () => {
        if (broken) throw new Error("buried");
      });
      await client.publish(topic, 0, { headers: { colour: "red" } });
      await context.eventually("it is dead-lettered", async () => {
        const report = await client.redrive({ topic, group }, { dryRun: true });
        return report.seen === 1;
      });
      broken = false;
      assert.deepEqual(await client.redrive({ topic, group }), {
        seen: 1,
        redriven: 1,
        ofOthers: 0,
        complete: true,
      });
      await seen.first(2);
      await client.publish(topic, 1, { headers: { colour: "blue" } });
      await client.publish(topic, 2, { headers: { colour: "red" } });
      await seen.first(3);
      await context.never("more", () => seen.deliveries.length > 3, 100);
      assert.deepEqual(seen.values, [0, 0, 2]);
    },
  },
  {
    id: "broadcast",
    title: "A broadcast subscription may filter too.",
    guarantee: "G2",
    needs: ["filters", "broadcast"],
    async run(context) {
      const client = await context.connect();
      const topic = context.topic<number>();
      const seen = await context.collect(client, topic, { broadcast: true, filter: { colour: "red" } });
      for (const [n, headers] of shades.entries()) await client.publish(topic, n, { headers });
      await seen.first(2);
      await context.never("more", () => seen.deliveries.length > 2, 100);
      assert.deepEqual(numbers(seen.values), [0, 3]);
    },
  },
]);
