import { nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import { expect, it } from "vitest";
import { ack, receive, retry, sleep, texts, until } from "../../../scripts/testing/workbench.ts";
import type { SnsSqsDelivery } from "../src/delivery.ts";
import { address, call } from "./address.ts";
import { batch, received } from "./answers.ts";
import { opened, queue, queueOf, several } from "./queue-of.ts";
import { Recorded } from "./recorded.ts";

it("keeps a lease that it extends", async () => {
  const aws = queueOf(several(12));
  const consumer = await opened(aws, queue, { leaseMs: 3_000 });
  const deliveries = [...(await receive(consumer, 12))];
  await sleep(1_500);
  await consumer.extend?.(deliveries, call);
  expect(aws.of("ChangeMessageVisibilityBatch").map(({ input }) => input.Entries.length)).toEqual([10, 2]);
  await sleep(1_500);
  expect(await ack(consumer, deliveries)).toEqual(Array(12).fill("settled"));
  await consumer.close(nothingStarted);
});

it("extends the lease of what waits until core has room, too", async () => {
  const aws = queueOf(several(30));
  const consumer = await opened(aws);
  const first = await consumer.receive(30, call);
  expect(first).toHaveLength(10);
  await until(async () => {
    aws.asked.length = 0;
    await consumer.extend?.(first, call);
    const entries = aws.of("ChangeMessageVisibilityBatch").flatMap(({ input }) => input.Entries);
    return new Set(entries.map(({ ReceiptHandle }) => ReceiptHandle)).size === 30;
  });
  await consumer.close(nothingStarted);
});

it("extends no lease that is over, since SQS would take it for that of whoever has the message now, and says so", async () => {
  const aws = queueOf(several(2));
  const consumer = await opened(aws, queue, { leaseMs: 1_000 });
  const deliveries = await receive(consumer, 2);
  await sleep(1_100);
  expect(await consumer.extend?.(deliveries, call)).toEqual(deliveries);
  expect(aws.of("ChangeMessageVisibilityBatch")).toEqual([]);
  expect(await ack(consumer, deliveries)).toEqual(["lost", "lost"]);
  await consumer.close(nothingStarted);
});

it("extends no lease of what is being settled, since a retry would wait for all of it", async () => {
  let answer = () => {};
  const answering = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const aws = new Recorded(async (asked) => {
    if (asked.action === "ReceiveMessage") return received({ body: "a" });
    await answering;
    return batch(asked);
  });
  const consumer = await opened(aws);
  const deliveries = await receive(consumer, 1);
  const retrying = retry(consumer, deliveries, 0);
  const extending = consumer.extend?.(deliveries, call);
  answer();
  expect(await retrying).toEqual(["settled"]);
  await extending;
  expect(aws.of("ChangeMessageVisibilityBatch")).toHaveLength(1);
  await consumer.close(nothingStarted);
});

it("delivers a reply however long it waited here, since it was settled when it came", async () => {
  const aws = queueOf([{ body: "reply" }]);
  const consumer = await opened(aws, address("inbox", "inbox..1"), { leaseMs: 1_000 });
  await consumer.receive(10, { signal: AbortSignal.abort() });
  await until(() => aws.of("DeleteMessageBatch").length === 1);
  await sleep(1_000);
  expect(texts(await receive(consumer, 1, 3_000))).toEqual(["reply"]);
  await consumer.close(nothingStarted);
});

it("hands back what waits for its next attempt to come when that is due, and the rest at once", async () => {
  const fifo = address("queue", "jobs", { ordered: true });
  const aws = queueOf(several(3, { group: "k" }));
  const consumer = await opened(aws, fifo);
  const [first, second, third] = await receive(consumer, 3);
  const delayed = new Map([
    [first as ReceivedMessage, { delayMs: 6_200, redeliveries: 3 }],
    [second as ReceivedMessage, { delayMs: 90 * 3_600_000, redeliveries: 3 }],
  ]);
  await consumer.close({ started: new Set(delayed.keys()), delayed });
  const entries = aws.of("ChangeMessageVisibilityBatch").flatMap(({ input }) => input.Entries);
  const secondsOf = (delivery: ReceivedMessage | undefined) =>
    entries.find(({ ReceiptHandle }) => ReceiptHandle === (delivery as SnsSqsDelivery).receipt)
      ?.VisibilityTimeout;
  expect([first, second, third].map(secondsOf)).toEqual([7, 6 * 3_600, 0]);
  expect(entries.at(-1)?.VisibilityTimeout, "the first comes last").toBe(7);
});
