import { EventEmitter } from "node:events";
import { type Call, nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import type { Channel, ConsumeMessage } from "amqplib";
import { describe, expect, it } from "vitest";
import { RabbitmqConsumer } from "../src/consumer.ts";
import { endOfPast, PastFirst } from "../src/groups/past-first.ts";
import { UncountedDeliveries } from "../src/groups/uncounted-deliveries.ts";
import { GivenBack } from "../src/receiving/given-back.ts";

const call: Call = { signal: new AbortController().signal };
type Deliver = (message: ConsumeMessage | null) => void;

/** A consumer on a channel whose broker does what the test says: no real one loses a node at will. */
async function consumer(queue = "jobs") {
  const told: string[] = [];
  let deliver: Deliver = () => undefined;
  const channel = Object.assign(new EventEmitter(), {
    prefetch: async () => ({}),
    consume: async (_queue: string, onMessage: Deliver) => {
      deliver = onMessage;
      return { consumerTag: "tag" };
    },
    ack: () => void told.push("ack"),
    cancel: async () => void told.push("cancel"),
    nackAll: () => void told.push("nack all"),
    reject: ({ fields }: ConsumeMessage) => void told.push(`reject ${fields.deliveryTag}`),
    close: async () => {
      told.push("close");
      channel.emit("close");
    },
  });
  const amqp = new RabbitmqConsumer(channel as unknown as Channel, {
    queue,
    prefetch: 10,
    consume: {},
    prefetchBytes: 64_000_000,
    handBack: { how: "nack", publishing: undefined },
    uncounted: new UncountedDeliveries(),
    givenBack: new GivenBack(),
    retained: true,
  });
  await amqp.start();
  return { amqp, channel, told, deliver: (message: ConsumeMessage | null) => deliver(message) };
}

function message(deliveryTag: number, type?: string): ConsumeMessage {
  const fields = { deliveryTag, consumerTag: "tag" };
  return {
    content: Buffer.from("1"),
    fields,
    properties: { headers: {}, type },
  } as unknown as ConsumeMessage;
}

const ack = (delivery: ReceivedMessage) => [{ delivery, outcome: "ack" as const }];

describe("a consumer that closes", () => {
  it("rejects what was started, which counts, and nacks the others, which does not", async () => {
    const { amqp, deliver, told } = await consumer();
    for (let tag = 1; tag <= 4; tag++) deliver(message(tag));
    const [, second] = await amqp.receive(2, call);
    await amqp.close({ started: new Set([second as ReceivedMessage]), delayed: new Map() });
    expect(told).toEqual(["cancel", "reject 2", "nack all", "close"]);
  });

  it("tells the broker of what was settled while it closes", async () => {
    const { amqp, deliver, told } = await consumer();
    deliver(message(1));
    const [first] = await amqp.receive(1, call);
    const closing = amqp.close(nothingStarted);
    expect(await amqp.settle(ack(first as ReceivedMessage))).toEqual(["settled"]);
    await closing;
    expect(told).toEqual(["cancel", "ack", "close"]);
  });
});

describe("settling", () => {
  it("is over when the ack is written, and has failed if the channel goes before", async () => {
    const { amqp, channel, deliver, told } = await consumer();
    for (let tag = 1; tag <= 2; tag++) deliver(message(tag));
    const [first, second] = await amqp.receive(2, call);
    expect(await amqp.settle(ack(first as ReceivedMessage))).toEqual(["settled"]);
    expect(told).toEqual(["ack"]);
    const settling = amqp.settle(ack(second as ReceivedMessage));
    channel.emit("close");
    expect(await settling).toEqual(["lost"]);
    expect(told).toEqual(["ack"]);
  });
});

describe("what does not count", () => {
  it("is known by its queue and id until it is settled, and for so many only", () => {
    const uncounted = new UncountedDeliveries();
    uncounted.add("jobs", "a");
    uncounted.add("jobs", "a");
    expect([uncounted.of("jobs", "a"), uncounted.of("other", "a")]).toEqual([2, 0]);
    uncounted.subtract("jobs", "a");
    expect(uncounted.of("jobs", "a")).toBe(1);
    uncounted.forget("jobs", "a");
    for (let n = 0; n < 30_000; n++) uncounted.add("jobs", `${n}`);
    expect([uncounted.of("jobs", "a"), uncounted.of("jobs", "0"), uncounted.of("jobs", "29999")]).toEqual([
      0, 0, 1,
    ]);
  });
});

describe("a consumer that the broker has ended", () => {
  it("closes its channel, which holds what was not settled, and acks nothing more", async () => {
    const { amqp, deliver, told } = await consumer();
    deliver(message(1));
    deliver(message(2));
    const [, second] = await amqp.receive(2, call);
    const settling = amqp.settle(ack(second as ReceivedMessage));
    deliver(null);
    expect(await settling).toEqual(["lost"]);
    await expect(amqp.receive(1, call)).rejects.toMatchObject({ code: "NOT_FOUND", retryable: true });
    await amqp.close(nothingStarted);
    expect(told).toEqual(["close"]);
  });

  it("leaves a channel alone that has closed", async () => {
    const { amqp, channel, told } = await consumer();
    channel.emit("close");
    await amqp.close(nothingStarted);
    expect(told).toEqual([]);
  });
});

describe("a member in its group's past", () => {
  async function member(exists: boolean) {
    const past = await consumer("jobs..@past");
    const present = await consumer();
    const opened: string[] = [];
    const first = new PastFirst(
      past.amqp,
      async () => {
        opened.push("present");
        return present.amqp;
      },
      { exists: async () => exists, remove: async () => void opened.push("removed") },
    );
    return { past, present, opened, first };
  }

  it("goes on in the present when another member has finished the past", async () => {
    const { past, opened, first, present } = await member(false);
    past.deliver(null);
    expect(await first.receive(1, call)).toEqual([]);
    present.deliver(message(1));
    expect(await first.receive(1, call)).toHaveLength(1);
    expect(opened).toEqual(["present"]);
    expect(past.told).toEqual(["close"]);
  });

  it("does not go on there when the past was ended and is not finished", async () => {
    const { past, opened, first } = await member(true);
    past.deliver(null);
    await expect(first.receive(1, call)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(opened).toEqual([]);
  });

  it("says so when its channel is lost while the last of the past are being handled", async () => {
    const { past, opened, first } = await member(true);
    past.deliver(message(1));
    past.deliver(message(2, endOfPast));
    expect(await first.receive(5, call)).toHaveLength(1);
    past.channel.emit("close");
    await expect(first.receive(5, call)).rejects.toMatchObject({ code: "CONNECTION_LOST" });
    expect(opened).toEqual([]);
  });

  it("finishes the past when all before its end is settled", async () => {
    const { past, opened, first } = await member(true);
    past.deliver(message(1));
    past.deliver(message(2, endOfPast));
    const [delivery] = await first.receive(5, call);
    await first.settle(ack(delivery as ReceivedMessage));
    await first.receive(5, call);
    expect(opened).toEqual(["removed", "present"]);
  });
});
