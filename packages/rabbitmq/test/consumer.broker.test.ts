import { type Consumer, nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import { afterEach, describe, expect, it } from "vitest";
import {
  call,
  consume,
  item,
  message,
  messages,
  receive,
  take,
  text,
  texts,
  until,
} from "../../../scripts/testing/workbench.ts";
import { destroySocket } from "../src/client/node-connection.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

const numbers = (count: number) => messages(count, (n) => ({ body: `${n}` }));

async function ack(consumer: Consumer, ...deliveries: ReceivedMessage[]) {
  const outcome = "ack" as const;
  return consumer.settle(
    deliveries.map((delivery) => ({ delivery, outcome })),
    call,
  );
}

describe("settling", () => {
  it("acks what it was given and nothing else, in whatever order", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await connection.publish(queue, numbers(10), call);
    const consumer = await consume(connection, queue);
    const got = await receive(consumer, 10);
    const at = (n: number) => got[n] as ReceivedMessage;
    expect(await ack(consumer, at(7), at(2), at(3))).toEqual(["settled", "settled", "settled"]);
    expect(await ack(consumer, at(0), at(1))).toEqual(["settled", "settled"]);
    expect(await ack(consumer, at(2))).toEqual(["lost"]);
    await consumer.close(nothingStarted);
    expect(await ack(consumer, at(9))).toEqual(["lost"]);
    const replacement = await consume(connection, queue);
    expect(texts(await take(replacement, 5)).sort()).toEqual(["4", "5", "6", "8", "9"]);
    expect(await take(replacement, 1, 300)).toEqual([]);
  });

  it("never holds more than the prefetch", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await connection.publish(queue, numbers(50), call);
    const consumer = await consume(connection, queue, { prefetch: 7 });
    await receive(consumer, 7);
    expect(await receive(consumer, 1, 300)).toEqual([]);
  });

  it("gives back at once what was fetched and not settled", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await connection.publish(queue, numbers(20), call);
    const consumer = await consume(connection, queue);
    await receive(consumer, 3);
    const replacement = await consume(connection, queue);
    await consumer.close(nothingStarted);
    expect(texts(await take(replacement, 20))).toEqual(numbers(20).map((_, n) => `${n}`));
  });

  it("counts deliveries that ended with their connection", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    await connection.publish(queue, [message()], call);
    for (let crashes = 0; crashes < 3; crashes++) {
      const crashable = await bench.connect();
      const consumer = await consume(crashable, queue);
      const [got] = await receive(consumer, 1);
      expect(got?.redeliveries).toBe(crashes);
      destroySocket(crashable.native as never);
      await until(() => bench.lost.length === crashes + 1);
      await expect(consumer.receive(1, call)).rejects.toBeDefined();
      expect(await ack(consumer, got as ReceivedMessage)).toEqual(["lost"]);
    }
  });

  it("moves what never ends well to the dead-letter queue after the delivery limit", async () => {
    const connection = await bench.connect({ deliveryLimit: 2 });
    const queue = bench.address("queue");
    const dead = bench.address("queue", { name: `${queue.name}..dead` });
    await bench.ensure(connection, item(queue), item(dead));
    await connection.publish(queue, [message({ body: "poison" })], call);
    for (let crashes = 0; crashes < 3; crashes++) {
      const crashable = await bench.connect();
      const consumer = await consume(crashable, queue);
      expect(await receive(consumer, 1)).toHaveLength(1);
      destroySocket(crashable.native as never);
    }
    const deadLettered = await consume(connection, dead);
    const [moved] = await take(deadLettered, 1);
    expect(text(moved as ReceivedMessage)).toBe("poison");
    expect(Object.keys(moved?.headers ?? {})).toEqual([]);
  });

  it("rejects the receive of a consumer whose queue was deleted", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const consumer = await consume(connection, queue);
    const receiving = expect(consumer.receive(1, call)).rejects.toMatchObject({
      code: "NOT_FOUND",
      retryable: true,
    });
    await connection.topology.remove([queue], call);
    await receiving;
    await expect(consume(connection, queue)).rejects.toMatchObject({ code: 404 });
  });
});

describe.each([false, true])("closing right behind many acks (ordered: %s)", (ordered) => {
  it("forgets none of them", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered });
    await connection.publish(queue, numbers(500), call);
    const received: string[] = [];
    for (const goal of [150, 300, 500]) {
      const consumer = await consume(connection, queue);
      while (received.length < goal) {
        // One by one, so that the broker has more of them under way than it passes on at once.
        for (const delivery of await consumer.receive(goal - received.length, call)) {
          received.push(text(delivery));
          await ack(consumer, delivery);
          if (received.length % 7 === 0) await new Promise(setImmediate);
        }
      }
      await consumer.close(nothingStarted);
    }
    expect(new Set(received).size).toBe(500);
    if (ordered) expect(received).toEqual(numbers(500).map((_, n) => `${n}`));
  });
});

describe("order", () => {
  it("goes on with the next member exactly where the last one stopped", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    await connection.publish(queue, numbers(30), call);
    const first = await consume(connection, queue, { prefetch: 10 });
    const second = await consume(connection, queue);
    const got = await receive(first, 10);
    await ack(first, ...got.slice(0, 4));
    expect(await take(second, 1, 300)).toEqual([]);
    await first.close(nothingStarted);
    expect(texts(await take(second, 26))).toEqual(numbers(26).map((_, n) => `${n + 4}`));
  });

  it("survives a lost connection", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    await connection.publish(queue, numbers(30), call);
    const crashable = await bench.connect();
    const first = await consume(crashable, queue, { prefetch: 10 });
    const second = await consume(connection, queue);
    const got = await receive(first, 10);
    await ack(first, ...got.slice(0, 3));
    // There is room for these only when the broker has the acks.
    await receive(first, 3);
    destroySocket(crashable.native as never);
    expect(texts(await take(second, 27))).toEqual(numbers(27).map((_, n) => `${n + 3}`));
  });
});

describe("ephemeral sources", () => {
  it("brings a topic's live messages and leaves nothing behind", async () => {
    const connection = await bench.connect();
    const topic = await bench.made(connection, "topic");
    const consumer = await consume(connection, topic);
    expect(await connection.publish(topic, [message({ body: "live" })], call)).toEqual([{ ok: true }]);
    expect(texts(await take(consumer, 1))).toEqual(["live"]);
    await consumer.close(nothingStarted);
    expect(await connection.publish(topic, [message({ body: "gone" })], call)).toEqual([
      { ok: true, unrouted: true },
    ]);
  });

  it("ends an inbox with its consumer", async () => {
    const connection = await bench.connect();
    const inbox = bench.address("inbox");
    const consumer = await consume(connection, inbox);
    const responder = await bench.connect();
    expect(await responder.publish(inbox, [message({ body: "reply" })], call)).toEqual([{ ok: true }]);
    expect(texts(await receive(consumer, 1))).toEqual(["reply"]);
    await consumer.close(nothingStarted);
    const [late] = await responder.publish(inbox, [message({ body: "late" })], call);
    expect(late).toMatchObject({ ok: false, cause: { code: "NOT_FOUND" } });
  });
});
