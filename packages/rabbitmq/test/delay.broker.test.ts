import type { Delivery } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, describe, expect, it } from "vitest";
import { levelFor } from "../src/delay-levels.ts";
import { delayName } from "../src/naming.ts";
import {
  address,
  call,
  consumerHooks,
  item,
  message,
  receive,
  source,
  Tidy,
  textOf,
  uniqueName,
} from "./support.ts";

const tidy = new Tidy();
afterEach(() => tidy.up());

describe("delays", () => {
  it("delivers no earlier than asked and at most a tenth and a second late, to queue, group and topic", async () => {
    const { connection } = await tidy.open();
    const name = uniqueName();
    const queue = address("queue", uniqueName());
    const topic = address("topic", name);
    const group = address("group", name);
    await tidy.made(connection, item(queue), item(topic), item(group));
    const began = Date.now();
    for (const to of [queue, group, topic]) {
      const outcomes = await connection.publish(
        to,
        [message("late", { delayMs: 1_050 }), message("soon"), message("later", { delayMs: 1_500 })],
        call,
      );
      expect(outcomes.every(({ ok }) => ok)).toBe(true);
    }
    const arrivals = async (of: typeof queue, count: number) => {
      const consumer = await connection.consume(source(of), consumerHooks, call);
      const all: [string, number][] = [];
      while (all.length < count) {
        for (const delivery of await receive(consumer, 1))
          all.push([textOf(delivery as Delivery), Date.now() - began]);
      }
      return all;
    };
    const [atQueue, atGroup] = await Promise.all([arrivals(queue, 3), arrivals(group, 6)]);
    for (const [body, afterMs] of [...atQueue, ...atGroup]) {
      const delayMs = body === "soon" ? 0 : body === "late" ? 1_050 : 1_500;
      expect(afterMs).toBeGreaterThanOrEqual(delayMs);
      expect(afterMs).toBeLessThan(delayMs * 1.1 + 1_500);
    }
  });

  it("makes a delay queue again that someone deleted", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    // Nobody else waits this long.
    const delayMs = 29 * 86_400_000;
    const publish = (body: string) => connection.publish(queue, [message(body, { delayMs })], call);
    const removeLevel = async () => {
      const channel = await (connection.native as ChannelModel).createChannel();
      await channel.deleteQueue(delayName(levelFor(delayMs)));
    };
    expect(await publish("1")).toEqual([{ ok: true }]);
    await removeLevel();
    expect(await publish("2")).toMatchObject([{ ok: false }]);
    expect(await publish("3")).toEqual([{ ok: true }]);
    await removeLevel();
  });

  it("says NOT_FOUND for a delayed message to what is not there", async () => {
    const { connection } = await tidy.open();
    const nowhere = address("queue", uniqueName());
    await expect(connection.publish(nowhere, [message("x", { delayMs: 500 })], call)).rejects.toMatchObject({
      code: 404,
    });
  });
});
