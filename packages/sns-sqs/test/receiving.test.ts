import { nothingStarted } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ack, ids, receive, retry, sleep, texts, until } from "../../../scripts/testing/workbench.ts";
import { address, call } from "./address.ts";
import { batch, metadataIn, received, sqsError } from "./answers.ts";
import { opened, queue, queueOf, several } from "./queue-of.ts";
import { type Asked, Recorded } from "./recorded.ts";

afterEach(() => vi.restoreAllMocks());

const fifo = address("queue", "jobs", { ordered: true });

it("asks for no more than it was asked for, in as many polls as that needs", async () => {
  const aws = queueOf(several(100));
  const consumer = await opened(aws);
  const first = await receive(consumer, 4);
  expect(first).toHaveLength(4);
  expect(aws.of("ReceiveMessage").map(({ input }) => input.MaxNumberOfMessages)).toEqual([4]);
  const rest = await receive(consumer, 60);
  expect(rest).toHaveLength(60);
  const asked = aws.of("ReceiveMessage").map(({ input }) => input.MaxNumberOfMessages);
  expect(asked.reduce((sum, each) => sum + each, 0)).toBe(64);
  await consumer.close(nothingStarted);
});

it("polls once at a time while nothing comes", async () => {
  let underWay = 0;
  let most = 0;
  const aws = new Recorded(async (asked) => {
    if (asked.action !== "ReceiveMessage") return batch(asked);
    most = Math.max(most, ++underWay);
    await sleep(50);
    underWay--;
    return received();
  });
  const consumer = await opened(aws);
  const stop = new AbortController();
  const nothing = consumer.receive(100, stop);
  await until(() => aws.of("ReceiveMessage").length >= 4);
  stop.abort();
  expect(await nothing).toEqual([]);
  expect(most).toBe(1);
  await consumer.close(nothingStarted);
});

it("takes for as many attempts as SQS counts receipts", async () => {
  const consumer = await opened(queueOf([{ body: "a", receipts: 3 }, { body: "b" }]));
  expect((await receive(consumer, 2)).map(({ redeliveries }) => redeliveries)).toEqual([2, 0]);
  await consumer.close(nothingStarted);
});

it("breaks no poll off when it closes, and hands back what that brings", async () => {
  let give: (() => void) | undefined;
  const aws = new Recorded(async (asked) => {
    if (asked.action !== "ReceiveMessage") return batch(asked);
    await new Promise<void>((resolve) => {
      give = resolve;
    });
    return received({ body: "late" });
  });
  const consumer = await opened(aws, fifo);
  expect(await consumer.receive(10, { signal: AbortSignal.abort() })).toEqual([]);
  await until(() => give !== undefined);
  const closing = consumer.close(nothingStarted);
  give?.();
  await closing;
  expect(aws.aborted).toBe(0);
  expect(aws.of("ReceiveMessage")).toHaveLength(1);
  const [handedBack] = aws.of("ChangeMessageVisibilityBatch");
  expect(handedBack?.input.Entries).toEqual([
    { Id: "0", ReceiptHandle: "receipt-late", VisibilityTimeout: 0 },
  ]);
});

it("hands back the last of a message group first", async () => {
  const aws = queueOf(several(3, { group: "k" }));
  const consumer = await opened(aws, fifo);
  await receive(consumer, 3);
  await consumer.close(nothingStarted);
  const [{ input }] = aws.of("ChangeMessageVisibilityBatch") as [Asked];
  expect(input.Entries.map((entry: { ReceiptHandle: string }) => entry.ReceiptHandle)).toEqual([
    "receipt-m2",
    "receipt-m1",
    "receipt-m0",
  ]);
});

it("hands back on a standard queue by a copy that carries the attempts, stored before the original goes", async () => {
  const aws = queueOf([{ body: "a", receipts: 3 }]);
  const consumer = await opened(aws);
  await receive(consumer, 1);
  await consumer.close(nothingStarted);
  const actions = aws.asked.map(({ action }) => action);
  expect(actions.indexOf("SendMessageBatch")).toBeLessThan(actions.indexOf("DeleteMessageBatch"));
  const [copy] = aws.of("SendMessageBatch")[0]?.input.Entries ?? [];
  expect(copy.MessageBody).toBe("a");
  expect(metadataIn(copy)).toMatchObject({
    id: "message-a",
    redeliveries: 2,
  });
  expect(aws.of("DeleteMessageBatch")[0]?.input.Entries).toEqual([{ Id: "0", ReceiptHandle: "receipt-a" }]);
});

it("counts what a handler was called with when it hands back, and nothing else", async () => {
  const aws = queueOf([{ body: "a", receipts: 3 }, { body: "b", receipts: 2 }, { body: "c" }]);
  const consumer = await opened(aws);
  const held = await receive(consumer, 3);
  const started = new Set(held.filter((delivery) => texts([delivery])[0] !== "b"));
  await consumer.close({ started, delayed: new Map() });
  const copies = aws.of("SendMessageBatch")[0]?.input.Entries ?? [];
  const counted = copies.map((copy: { MessageBody: string; MessageAttributes: never }) => [
    copy.MessageBody,
    metadataIn(copy).redeliveries,
  ]);
  expect(Object.fromEntries(counted)).toEqual({ a: 3, b: 1, c: 1 });
});

it("holds no more bytes than the prefetch once it knows how large messages are, and asks again as they go", async () => {
  const body = "x".repeat(1_000);
  const aws = queueOf(several(100).map((each, n) => ({ ...each, body: `${n}${body}` })));
  const consumer = await opened(aws, queue, {}, [], { prefetchBytes: 5_500 });
  const held = await consumer.receive(100, call);
  const more = receive(consumer, 100, 1_500);
  await until(() => aws.of("ReceiveMessage").length >= 1);
  expect(held.length).toBeLessThanOrEqual(10);
  const asked = aws.of("ReceiveMessage").length;
  await sleep(100);
  expect(aws.of("ReceiveMessage")).toHaveLength(asked);

  await ack(consumer, held);
  const rest = await more;
  expect(rest.length).toBeGreaterThan(0);
  for (const { input } of aws.of("ReceiveMessage").slice(asked)) {
    expect(input.MaxNumberOfMessages).toBeLessThanOrEqual(5);
  }
  await consumer.close(nothingStarted);
});

it("counts the text that SQS gave as well as the body that was decoded from it", async () => {
  const body = "x".repeat(1_000);
  const aws = queueOf(several(100).map((each, n) => ({ ...each, body: `${n}${body}` })));
  const consumer = await opened(aws, queue, {}, [], { prefetchBytes: 32_000 });
  const held = await receive(consumer, 100, 1_000);
  expect(held.length).toBeGreaterThan(10);
  expect(held.length * 2_000).toBeLessThan(32_000 + 20_000);
  await consumer.close(nothingStarted);
});

it("fetches one message, however large, when it holds nothing", async () => {
  const consumer = await opened(queueOf(several(2)), queue, {}, [], { prefetchBytes: 1 });
  const [first] = await receive(consumer, 1);
  expect(texts(first ? [first] : [])).toEqual(["m0"]);
  const more = receive(consumer, 1);
  await ack(consumer, first ? [first] : []);
  expect(texts(await more)).toEqual(["m1"]);
  await consumer.close(nothingStarted);
});

it("makes visible again what it cannot copy", async () => {
  const aws = queueOf([{ body: "a" }], ({ action }) =>
    action === "SendMessageBatch" ? [{ Id: "0", Code: "InternalError", SenderFault: false }] : [],
  );
  const consumer = await opened(aws);
  await receive(consumer, 1);
  await consumer.close(nothingStarted);
  expect(aws.of("DeleteMessageBatch")).toEqual([]);
  expect(aws.of("ChangeMessageVisibilityBatch")).toHaveLength(1);
});

it("tells which settlements SQS did not take, and which came too late", async () => {
  const aws = queueOf(several(4, { group: "k" }), ({ action }) =>
    action === "DeleteMessageBatch"
      ? [
          { Id: "1", Code: "ReceiptHandleIsInvalid", SenderFault: true },
          {
            Id: "2",
            Code: "InvalidParameterValue",
            SenderFault: true,
            Message:
              "Value receipt-m2 for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.",
          },
          { Id: "3", Code: "InternalError", SenderFault: false },
        ]
      : [],
  );
  const consumer = await opened(aws, fifo);
  const outcomes = await ack(consumer, await receive(consumer, 4));
  expect(outcomes).toEqual([
    "settled",
    "lost",
    "lost",
    { cause: expect.objectContaining({ name: "InternalError" }) },
  ]);
  await consumer.close(nothingStarted);
});

it("deletes nothing once the lease is over, since SQS would call that a success", async () => {
  const aws = queueOf(several(2));
  const consumer = await opened(aws, queue, { leaseMs: 1_000 });
  const deliveries = await receive(consumer, 2);
  await sleep(1_100);
  expect(await ack(consumer, deliveries)).toEqual(["lost", "lost"]);
  expect(aws.of("DeleteMessageBatch")).toEqual([]);
  await consumer.close(nothingStarted);
});

it("retries after whole seconds, rounded up", async () => {
  const aws = queueOf(several(3));
  const consumer = await opened(aws);
  const [a, b, c] = await receive(consumer, 3);
  await Promise.all([
    retry(consumer, a ? [a] : [], 0),
    retry(consumer, b ? [b] : [], 1),
    retry(consumer, c ? [c] : [], 1_001),
  ]);
  const seconds = aws
    .of("ChangeMessageVisibilityBatch")
    .map(({ input }) => input.Entries[0].VisibilityTimeout);
  expect(seconds).toEqual([0, 1, 2]);
  await consumer.close(nothingStarted);
});

it("reports a damaged message and delivers its neighbours", async () => {
  const reports: unknown[] = [];
  const damaged = { body: "damaged", md5: "0".repeat(32) };
  const consumer = await opened(queueOf([{ body: "a" }, damaged, { body: "b" }]), queue, {}, reports);
  expect(texts(await receive(consumer, 2))).toEqual(["a", "b"]);
  expect(reports).toEqual([expect.objectContaining({ code: "BROKER_ERROR", retryable: true })]);
  await consumer.close(nothingStarted);
});

it("lets nothing overtake a damaged message of its group", async () => {
  const damaged = { body: "a1", md5: "0".repeat(32), group: "a" };
  const others = [
    { body: "a2", group: "a" },
    { body: "b1", group: "b" },
  ];
  const consumer = await opened(queueOf([damaged, ...others]), fifo);
  expect(texts(await consumer.receive(3, call))).toEqual(["b1"]);
  expect(await receive(consumer, 2, 200)).toEqual([]);
  await consumer.close(nothingStarted);
});

it("rejects when polling cannot go on", async () => {
  const aws = new Recorded((asked) =>
    asked.action === "ReceiveMessage"
      ? sqsError(400, "QueueDoesNotExist", "It does not exist.")
      : batch(asked),
  );
  const consumer = await opened(aws);
  await expect(consumer.receive(10, call)).rejects.toMatchObject({ name: "QueueDoesNotExist" });
  await consumer.close(nothingStarted);
});

describe("what came before its time", () => {
  const sentAt = 1_700_000_000_000;

  /** A queue that hands this out once, as SQS does for the first time when it has waited so long; and its copy, once it is put back. */
  async function copyAfter(waitedMs: number, wait: number) {
    const aws = queueOf([
      {
        body: "later",
        attributes: {
          SentTimestamp: `${sentAt}`,
          ApproximateFirstReceiveTimestamp: `${sentAt + waitedMs}`,
        },
        metadata: { id: "m", timestamp: 1, wait, redeliveries: 4 },
      },
    ]);
    const consumer = await opened(aws);
    const nothing = consumer.receive(10, { signal: AbortSignal.timeout(500) });
    await until(() => aws.of("DeleteMessageBatch").length === 1);
    expect(ids(await nothing)).toEqual([]);
    await consumer.close(nothingStarted);
    return aws.of("SendMessageBatch")[0]?.input.Entries[0];
  }

  it("is put back, as new, with what is left of its delay", async () => {
    const copy = await copyAfter(900_000, 3_600_000);
    expect(copy.DelaySeconds).toBe(900);
    expect(metadataIn(copy)).toEqual({ id: "m", timestamp: 1, wait: 2_700_000, redeliveries: 4 });
  });

  it("waits the last quarter of an hour by SQS's own delay, rounded up", async () => {
    const copy = await copyAfter(900_000, 999_001);
    expect(copy.DelaySeconds).toBe(100);
    expect(metadataIn(copy)).toEqual({ id: "m", timestamp: 1, redeliveries: 4 });
  });

  it.each([-3_600_000, 3_600_000])("is told by SQS's clock where this one's is off by %i ms", async (ms) => {
    const realNow = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => realNow() + ms);
    const copy = await copyAfter(900_000, 1_800_000);
    expect(copy.DelaySeconds).toBe(900);
    expect(metadataIn(copy)).not.toHaveProperty("wait");
  });
});
