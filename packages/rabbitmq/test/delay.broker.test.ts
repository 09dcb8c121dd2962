import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import { call, consume, item, message, take, text, topicOf } from "../../../scripts/testing/workbench.ts";
import { tierFor } from "../src/delays/tiers.ts";
import { delayName } from "../src/naming.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

describe("delays", () => {
  it("delivers no earlier than asked and at most a tenth and a second late, to queue, group and topic", async () => {
    const connection = await bench.connect();
    const queue = bench.address("queue");
    const group = bench.address("group");
    const topic = topicOf(group);
    await bench.ensure(connection, item(queue), item(topic), item(group));
    const began = Date.now();
    for (const to of [queue, group, topic]) {
      const outcomes = await connection.publish(
        to,
        [
          message({ body: "late", delayMs: 1_050 }),
          message({ body: "soon" }),
          message({ body: "later", delayMs: 1_500 }),
        ],
        call,
      );
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
    }
    const consumers = await Promise.all([consume(connection, queue), consume(connection, group)]);
    // Late is what comes late although nobody had to make anything for it any more.
    const ready = Date.now();
    const all: { readonly body: string; readonly at: number }[] = [];
    await Promise.all(
      consumers.map(async (consumer, index) => {
        for (let count = index === 0 ? 3 : 6; count > 0; count--) {
          for (const delivery of await take(consumer, 1)) all.push({ body: text(delivery), at: Date.now() });
        }
      }),
    );
    expect(all).toHaveLength(9);
    for (const { body, at } of all) {
      const delayMs = body === "soon" ? 0 : body === "late" ? 1_050 : 1_500;
      expect(at - began).toBeGreaterThanOrEqual(delayMs);
      expect(at - ready).toBeLessThan(delayMs * 1.1 + 1_500);
    }
  });

  it("makes a delay queue again that someone deleted", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    // Nobody else waits this long.
    const delayMs = 29 * 86_400_000;
    const publish = (body: string) => connection.publish(queue, [message({ body, delayMs })], call);
    const removeLevel = async () => {
      const channel = await (connection.native as ChannelModel).createChannel();
      await channel.deleteQueue(delayName(tierFor(delayMs)));
    };
    expect(await publish("1")).toEqual([{ ok: true }]);
    await removeLevel();
    expect(await publish("2")).toMatchObject([{ ok: false }]);
    expect(await publish("3")).toEqual([{ ok: true }]);
    await removeLevel();
  });

  it("says NOT_FOUND for a delayed message to what is not there", async () => {
    const connection = await bench.connect();
    const nowhere = bench.address("queue");
    await expect(connection.publish(nowhere, [message({ delayMs: 500 })], call)).rejects.toMatchObject({
      code: 404,
    });
  });
});
