import { earliestEventPosition, latestEventPosition } from "@azure/event-hubs";
import type { EventContext } from "rhea";
import { expect, test } from "vitest";
import { bodies, connect, emulator, event, producer, receive } from "./workbench.ts";

test("a batch arrives as it was sent, with what the service knows of each event", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  const client = producer(server.connectionString("orders"));
  const before = Date.now();
  await client.sendBatch(
    [
      {
        body: Buffer.from("first"),
        properties: { tries: 3, who: "you" },
        messageId: "m-1",
        correlationId: "c-1",
      },
      { body: Buffer.from("second"), contentType: "text/plain" },
    ],
    { partitionKey: "customer-7" },
  );

  const [first, second] = await receive(server.connectionString("orders"), "0", earliestEventPosition).count(
    2,
  );
  expect(bodies([first, second] as never)).toEqual(["first", "second"]);
  expect(first).toMatchObject({
    properties: { tries: 3, who: "you" },
    messageId: "m-1",
    correlationId: "c-1",
  });
  expect(second?.contentType).toBe("text/plain");
  expect([first?.partitionKey, second?.partitionKey]).toEqual(["customer-7", "customer-7"]);
  expect([first?.sequenceNumber, second?.sequenceNumber]).toEqual([0, 1]);
  expect(Number(second?.offset)).toBeGreaterThan(Number(first?.offset));
  expect(first?.enqueuedTimeUtc.getTime()).toBeGreaterThanOrEqual(before);
});

test("a key always has the same partition, the one that clients compute; without a key all have their turn", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 8 }] });
  const client = producer(server.connectionString("orders"));
  const ends = async (): Promise<number[]> =>
    Promise.all(
      Array.from({ length: 8 }, (_, id) =>
        client.getPartitionProperties(String(id)).then((p) => p.lastEnqueuedSequenceNumber + 1),
      ),
    );
  for (let round = 0; round < 3; round++)
    await client.sendBatch([event("x")], { partitionKey: "customer-7" });
  // What `mapPartitionKeyToId("customer-7", 8)` of @azure/event-hubs gives.
  expect(await ends()).toEqual([0, 0, 0, 0, 0, 0, 0, 0].with(PARTITION_OF_CUSTOMER_7, 3));

  for (let round = 0; round < 8; round++) await client.sendBatch([event("x")]);
  expect(await ends()).toEqual([1, 1, 1, 1, 1, 1, 1, 1].with(PARTITION_OF_CUSTOMER_7, 4));
});

const PARTITION_OF_CUSTOMER_7 = 2;

test("a receiver begins where it asks to: at an offset, a sequence number, a time, the end", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  const hub = server.connectionString("orders");
  const client = producer(hub);
  await client.sendBatch([event("0"), event("1"), event("2")]);
  const all = await receive(hub, "0", earliestEventPosition).count(3);
  const middle = all[1];
  const time = (all[2]?.enqueuedTimeUtc.getTime() ?? 0) + 2;
  await new Promise((resolve) => setTimeout(resolve, 10));
  await client.sendBatch([event("3")]);

  const after = receive(hub, "0", { offset: middle?.offset ?? "" });
  expect(bodies(await after.count(2))).toEqual(["2", "3"]);
  const from = receive(hub, "0", { sequenceNumber: middle?.sequenceNumber ?? -1, isInclusive: true });
  expect(bodies(await from.count(3))).toEqual(["1", "2", "3"]);
  const since = receive(hub, "0", { enqueuedOn: time });
  expect(bodies(await since.count(1))).toEqual(["3"]);

  const latest = receive(hub, "0", latestEventPosition);
  const sendAndLook = async () => {
    await client.sendBatch([event("new")]);
    return bodies(latest.events)[0];
  };
  await expect.poll(sendAndLook, { timeout: 10_000 }).toBe("new");
});

test("a position that was never written is an argument error, so that a checkpoint of another hub is noticed", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  const hub = server.connectionString("orders");
  await producer(hub).sendBatch([event("0")]);
  const { error } = receive(hub, "0", { sequenceNumber: 17 });
  expect(await error).toMatchObject({
    code: "ArgumentError",
    message: expect.stringContaining("'17' is invalid"),
  });
});

test("a receiver that asks for it hears with each event how far the partition has got", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  const hub = server.connectionString("orders");
  await producer(hub).sendBatch([event("0"), event("1"), event("2")]);
  const seen: unknown[] = [];
  const { EventHubConsumerClient } = await import("@azure/event-hubs");
  const client = new EventHubConsumerClient("$Default", hub);
  const got = Promise.withResolvers<void>();
  const subscription = client.subscribe(
    "0",
    {
      processEvents: async (events, { lastEnqueuedEventProperties }) => {
        seen.push(lastEnqueuedEventProperties?.sequenceNumber);
        if (events.length > 0) got.resolve();
      },
      processError: async () => {},
    },
    { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true },
  );
  await got.promise;
  await subscription.close();
  await client.close();
  expect(seen).toContain(2);
});

test("what is too large is rejected, and the link goes on", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }], maxMessageSize: 100_000 });
  const client = producer(server.connectionString("orders"));
  expect((await client.createBatch()).maxSizeInBytes).toBe(100_000);
  await expect(client.sendBatch([{ body: Buffer.alloc(400_000) }])).rejects.toMatchObject({
    code: "MessageTooLargeError",
  });
  await client.sendBatch([{ body: Buffer.alloc(90_000, 7) }]);
  const [only] = await receive(server.connectionString("orders"), "0", earliestEventPosition).count(1);
  expect(Buffer.from(only?.body)).toEqual(Buffer.alloc(90_000, 7));
});

test("hubs and groups that do not exist are not found", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  const missing = { code: "MessagingEntityNotFoundError" };
  await expect(producer(server.connectionString("other")).sendBatch([event("x")])).rejects.toMatchObject(
    missing,
  );
  await expect(producer(server.connectionString("other")).getPartitionIds()).rejects.toMatchObject(missing);
  const { error } = receive(server.connectionString("orders"), "0", earliestEventPosition, {
    group: "nobody",
  });
  expect(await error).toMatchObject(missing);
});

test("hubs do not see each other's events, groups see all of them", async () => {
  const server = await emulator({
    hubs: [
      { name: "orders", partitionCount: 1, consumerGroups: ["billing", "audit"] },
      { name: "Offers", partitionCount: 1 },
    ],
  });
  await producer(server.connectionString("orders")).sendBatch([event("order")]);
  await producer(server.connectionString("OFFERS")).sendBatch([event("offer")]);
  for (const group of ["billing", "audit", "$Default"]) {
    const { count } = receive(server.connectionString("orders"), "0", earliestEventPosition, { group });
    expect(bodies(await count(1))).toEqual(["order"]);
  }
  const { count } = receive(server.connectionString("offers"), "0", earliestEventPosition);
  expect(bodies(await count(1))).toEqual(["offer"]);
});

test("a deleted hub ends its links; made again it begins anew", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  const hub = server.connectionString("orders");
  await producer(hub).sendBatch([event("old")]);
  const reader = receive(hub, "0", earliestEventPosition);
  await reader.count(1);
  server.deleteHub("orders");
  expect(await reader.error).toMatchObject({ code: "MessagingEntityNotFoundError" });
  server.createHub({ name: "orders", partitionCount: 1 });
  await producer(hub).sendBatch([event("new")]);
  const [first] = await receive(hub, "0", earliestEventPosition).count(1);
  expect([bodies([first] as never), first?.sequenceNumber]).toEqual([["new"], 0]);
});

test("no more is sent than a receiver has given credit for, and a drain gives the rest back", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  await producer(server.connectionString("orders")).sendBatch(
    Array.from({ length: 50 }, (_, i) => event(String(i))),
  );
  const connection = connect(server);
  const receiver = connection.open_receiver({
    source: { address: "orders/ConsumerGroups/$Default/Partitions/0" },
    credit_window: 0,
  });
  const got: number[] = [];
  receiver.on("message", ({ message }: EventContext) =>
    got.push(message?.message_annotations?.["x-opt-sequence-number"]),
  );
  const drained = new Promise((resolve) => receiver.once("receiver_drained", resolve));
  receiver.add_credit(10);
  await expect.poll(() => got.length, { timeout: 10_000 }).toBe(10);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  receiver.add_credit(100);
  (receiver as unknown as { drain_credit(): void }).drain_credit();
  await drained;
  expect(got).toHaveLength(50);
});

test("single messages keep their sections, and events as large as the limit pass", async () => {
  const server = await emulator({ hubs: [{ name: "orders", partitionCount: 1 }] });
  const connection = connect(server);
  const sender = connection.open_sender("orders");
  await new Promise((resolve) => sender.once("sendable", resolve));
  const accepted = new Promise((resolve) => sender.once("accepted", resolve));
  sender.send({
    durable: true,
    subject: "s",
    reply_to: "r",
    message_annotations: { "x-opt-partition-key": "k", "x-opt-offset": "fake", mine: 1 },
    application_properties: { a: "b" },
    body: "x".repeat(1_000_000),
  });
  await accepted;
  const receiver = connection.open_receiver({
    source: { address: "orders/ConsumerGroups/$default/Partitions/0" },
  });
  const message = await new Promise<EventContext["message"]>((resolve) =>
    receiver.once("message", (context: EventContext) => resolve(context.message)),
  );
  expect(message).toMatchObject({
    durable: true,
    subject: "s",
    reply_to: "r",
    application_properties: { a: "b" },
  });
  expect(message?.message_annotations).toMatchObject({
    "x-opt-partition-key": "k",
    mine: 1,
    "x-opt-offset": "0",
  });
  expect(message?.body).toHaveLength(1_000_000);
});
