import type { Consumer, Delivery } from "@waybill/core/spi";
import { afterEach, describe, expect, it } from "vitest";
import { destroySocket } from "../src/node-connection.ts";
import {
  address,
  brokerUrl,
  call,
  consumerHooks,
  item,
  message,
  receive,
  sleep,
  source,
  Tidy,
  textOf,
  uniqueName,
} from "./support.ts";

const tidy = new Tidy();
afterEach(() => tidy.up());

const numbers = (count: number) => Array.from({ length: count }, (_, n) => message(`${n}`));

async function ack(consumer: Consumer, ...deliveries: Delivery[]) {
  const outcome = "ack" as const;
  return consumer.settle(
    deliveries.map((delivery) => ({ delivery, outcome })),
    call,
  );
}

describe("settling", () => {
  it("acks what it was given and nothing else, in whatever order", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    await connection.publish(queue, numbers(10), call);
    const consumer = await connection.consume(source(queue), consumerHooks, call);
    const got = await receive(consumer, 10, { ack: false });
    const at = (n: number) => got[n] as Delivery;
    expect(await ack(consumer, at(7), at(2), at(3))).toEqual(["settled", "settled", "settled"]);
    expect(await ack(consumer, at(0), at(1))).toEqual(["settled", "settled"]);
    expect(await ack(consumer, at(2))).toEqual(["lost"]);
    await consumer.close();
    expect(await ack(consumer, at(9))).toEqual(["lost"]);
    const heir = await connection.consume(source(queue), consumerHooks, call);
    expect((await receive(heir, 5)).map(textOf).sort()).toEqual(["4", "5", "6", "8", "9"]);
    expect(await receive(heir, 1, { withinMs: 300 })).toEqual([]);
  });

  it("never holds more than the prefetch", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    await connection.publish(queue, numbers(50), call);
    const consumer = await connection.consume(source(queue, { prefetch: 7 }), consumerHooks, call);
    expect(await receive(consumer, 50, { ack: false, withinMs: 500 })).toHaveLength(7);
  });

  it("gives back at once what was fetched and not settled", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    await connection.publish(queue, numbers(20), call);
    const consumer = await connection.consume(source(queue), consumerHooks, call);
    await receive(consumer, 3, { ack: false });
    const heir = await connection.consume(source(queue), consumerHooks, call);
    await consumer.close();
    expect((await receive(heir, 20, { withinMs: 2_000 })).map(textOf)).toEqual(
      numbers(20).map((_, n) => `${n}`),
    );
  });

  it("counts deliveries that ended with their connection", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    await connection.publish(queue, [message("x")], call);
    for (let crashes = 0; crashes < 3; crashes++) {
      const { connection: mortal, lost } = await tidy.open();
      const consumer = await mortal.consume(source(queue), consumerHooks, call);
      const [got] = await receive(consumer, 1, { ack: false });
      expect(got?.redeliveries).toBe(crashes);
      destroySocket(mortal.native as never);
      await expect.poll(() => lost.length).toBe(1);
      await expect(consumer.receive(1, call)).rejects.toBeDefined();
      expect(await ack(consumer, got as Delivery)).toEqual(["lost"]);
    }
  });

  it("moves what never ends well to the dead letter after the delivery limit", async () => {
    const { connection } = await tidy.open(`${brokerUrl}?deliveryLimit=2`);
    const queue = address("queue", uniqueName());
    const dead = address("queue", `${queue.name}..dead`);
    await tidy.made(connection, item(queue), item(dead));
    await connection.publish(queue, [message("poison")], call);
    for (let crashes = 0; crashes < 3; crashes++) {
      const { connection: mortal } = await tidy.open();
      const consumer = await mortal.consume(source(queue), consumerHooks, call);
      expect(await receive(consumer, 1, { ack: false })).toHaveLength(1);
      destroySocket(mortal.native as never);
    }
    const letters = await connection.consume(source(dead), consumerHooks, call);
    const [letter] = await receive(letters, 1);
    expect(textOf(letter as Delivery)).toBe("poison");
    expect(Object.keys(letter?.headers ?? {})).toEqual([]);
  });

  it("rejects the receive of a consumer whose queue was deleted", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName());
    await tidy.made(connection, item(queue));
    const consumer = await connection.consume(source(queue), consumerHooks, call);
    const receiving = expect(consumer.receive(1, call)).rejects.toMatchObject({
      code: "NOT_FOUND",
      retryable: true,
    });
    await connection.topology.remove([queue], call);
    await receiving;
    await expect(connection.consume(source(queue), consumerHooks, call)).rejects.toMatchObject({ code: 404 });
  });
});

describe.each([false, true])("closing right behind many acks (ordered: %s)", (ordered) => {
  it("forgets none of them", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName(), { ordered });
    await tidy.made(connection, item(queue));
    await connection.publish(queue, numbers(500), call);
    const texts: string[] = [];
    for (const goal of [150, 300, 500]) {
      const consumer = await connection.consume(source(queue), consumerHooks, call);
      while (texts.length < goal) {
        // One by one, so that the broker has more of them under way than it passes on at once.
        for (const delivery of await consumer.receive(goal - texts.length, call)) {
          texts.push(textOf(delivery));
          await ack(consumer, delivery);
          if (texts.length % 7 === 0) await new Promise(setImmediate);
        }
      }
      await consumer.close();
    }
    expect(new Set(texts).size).toBe(500);
    if (ordered) expect(texts).toEqual(numbers(500).map((_, n) => `${n}`));
  });
});

describe("order", () => {
  it("goes on with the next member exactly where the last one stopped", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName(), { ordered: true });
    await tidy.made(connection, item(queue));
    await connection.publish(queue, numbers(30), call);
    const first = await connection.consume(source(queue, { prefetch: 10 }), consumerHooks, call);
    const second = await connection.consume(source(queue), consumerHooks, call);
    const got = await receive(first, 10, { ack: false });
    await ack(first, ...got.slice(0, 4));
    expect(await receive(second, 1, { withinMs: 300 })).toEqual([]);
    await first.close();
    expect((await receive(second, 26)).map(textOf)).toEqual(numbers(26).map((_, n) => `${n + 4}`));
  });

  it("survives a lost connection", async () => {
    const { connection } = await tidy.open();
    const queue = address("queue", uniqueName(), { ordered: true });
    await tidy.made(connection, item(queue));
    await connection.publish(queue, numbers(30), call);
    const { connection: mortal } = await tidy.open();
    const first = await mortal.consume(source(queue), consumerHooks, call);
    const second = await connection.consume(source(queue), consumerHooks, call);
    const got = await receive(first, 10, { ack: false });
    await ack(first, ...got.slice(0, 3));
    await sleep(200);
    destroySocket(mortal.native as never);
    expect((await receive(second, 27)).map(textOf)).toEqual(numbers(27).map((_, n) => `${n + 3}`));
  });
});

describe("ephemeral sources", () => {
  it("brings a topic's live messages and leaves nothing behind", async () => {
    const { connection } = await tidy.open();
    const topic = address("topic", uniqueName());
    await tidy.made(connection, item(topic));
    const consumer = await connection.consume(source(topic), consumerHooks, call);
    expect(await connection.publish(topic, [message("live")], call)).toEqual([{ ok: true }]);
    expect((await receive(consumer, 1)).map(textOf)).toEqual(["live"]);
    await consumer.close();
    expect(await connection.publish(topic, [message("gone")], call)).toEqual([{ ok: true, unrouted: true }]);
  });

  it("ends an inbox with its consumer", async () => {
    const { connection } = await tidy.open();
    const inbox = address("inbox", uniqueName());
    const consumer = await connection.consume(source(inbox), consumerHooks, call);
    const { connection: responder } = await tidy.open();
    expect(await responder.publish(inbox, [message("reply")], call)).toEqual([{ ok: true }]);
    expect((await receive(consumer, 1, { ack: false })).map(textOf)).toEqual(["reply"]);
    await consumer.close();
    const [late] = await responder.publish(inbox, [message("late")], call);
    expect(late).toMatchObject({ ok: false, cause: { code: "NOT_FOUND" } });
  });
});
