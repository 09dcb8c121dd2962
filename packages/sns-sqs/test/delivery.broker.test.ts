import { GetQueueUrlCommand, ListQueuesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { type Address, nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import { afterEach, expect, it, vi } from "vitest";
import {
  ack,
  consume,
  ids,
  message,
  messages,
  publish,
  receive,
  retry,
  take,
} from "../../../scripts/testing/workbench.ts";
import { queueName, temporaryPrefix } from "../src/naming.ts";
import { SnsSqsBench } from "./workbench.ts";

const bench = new SnsSqsBench();
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.end();
});

async function temporaryQueues(): Promise<readonly string[]> {
  const { QueueUrls = [] } = await bench.sqs.send(
    new ListQueuesCommand({ QueueNamePrefix: temporaryPrefix, MaxResults: 1_000 }),
  );
  return QueueUrls;
}

async function urlOf(address: Address): Promise<string> {
  const { QueueUrl = "" } = await bench.sqs.send(new GetQueueUrlCommand({ QueueName: queueName(address) }));
  return QueueUrl;
}

it("hands back unhandled messages without counting that as a delivery", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const sent = messages(25);
  await publish(connection, queue, sent);
  const first = await consume(connection, queue);
  expect(await receive(first, 25)).toHaveLength(25);
  await first.close(nothingStarted);
  const second = await consume(connection, queue);
  const again = await take(second, 25);
  expect(ids(again).sort()).toEqual(ids(sent).sort());
  expect(new Set(again.map(({ redeliveries }) => redeliveries))).toEqual(new Set([0]));
});

it("adds the attempts before a hand-back to those after it", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, [message()]);
  const first = await consume(connection, queue);
  await retry(first, await receive(first, 1), 0);
  await receive(first, 1);
  await first.close(nothingStarted);
  const second = await consume(connection, queue);
  const [handedBack] = await receive(second, 1);
  expect(handedBack?.redeliveries).toBe(1);
  await retry(second, handedBack ? [handedBack] : [], 0);
  expect((await take(second, 1))[0]?.redeliveries).toBe(2);
});

it("hands back a external message with ten attributes as it is", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  const MessageAttributes = Object.fromEntries(
    Array.from({ length: 10 }, (_, n) => [`a${n}`, { DataType: "String", StringValue: `${n}` }]),
  );
  await bench.sqs.send(
    new SendMessageCommand({ QueueUrl: await urlOf(queue), MessageBody: "full", MessageAttributes }),
  );
  const first = await consume(connection, queue);
  const [held] = await receive(first, 1);
  await first.close(nothingStarted);
  const second = await consume(connection, queue);
  const [again] = await take(second, 1);
  expect(again?.id).toBe(held?.id);
  expect(Object.keys(again?.headers ?? {})).toHaveLength(10);
});

it("keeps a message that waits for its next attempt out of sight until then, and what follows it behind it", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  const sent = messages(3, () => ({ key: "k" }));
  await publish(connection, queue, [...sent, message({ key: "other", id: "other" })]);
  const first = await consume(connection, queue);
  const held = await receive(first, 4);
  const waits = held.find(({ id }) => id === sent[0]?.id) as ReceivedMessage;
  const closedAt = performance.now();
  await first.close({
    started: new Set([waits]),
    delayed: new Map([[waits, { delayMs: 2_500, redeliveries: 1 }]]),
  });
  const second = await consume(await bench.connect(), queue);
  expect(ids(await take(second, 1))).toEqual(["other"]);
  expect(performance.now() - closedAt).toBeLessThan(2_000);
  const again = await take(second, 3);
  expect(performance.now() - closedAt).toBeGreaterThanOrEqual(2_400);
  expect(ids(again)).toEqual(ids(sent));
});

it("keeps the order of what it hands back", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  const sent = messages(6, () => ({ key: "k" }));
  await publish(connection, queue, sent);
  const first = await consume(connection, queue);
  await ack(first, await receive(first, 1));
  await receive(first, 1);
  await first.close(nothingStarted);
  const second = await consume(connection, queue);
  expect(ids(await take(second, 5))).toEqual(ids(sent).slice(1));
});

it("delays a publish to a topic as for the first time, in every group", async () => {
  const connection = await bench.connect();
  const groups = [await bench.made(connection, "group")];
  groups.push({ ...(groups[0] as Address), group: "audit", brokerGroup: "audit" });
  await bench.ensure(
    connection,
    ...groups.map((address) => ({ address, start: { from: "latest" } as const, filter: undefined })),
  );
  const consumers = await Promise.all(groups.map((group) => consume(connection, group)));
  const topic = {
    ...(groups[0] as Address),
    kind: "topic" as const,
    group: undefined,
    brokerGroup: undefined,
  };
  const asked = Date.now();
  await publish(connection, topic, [message({ delayMs: 1_500 })]);
  for (const consumer of consumers) {
    const [delivery] = await take(consumer, 1);
    expect(Date.now() - asked).toBeGreaterThanOrEqual(1_490);
    expect(delivery?.redeliveries).toBe(0);
  }
});

const hourMs = 3_600_000;
it.each([
  ["the publisher's", -hourMs],
  ["the publisher's", hourMs],
  ["the consumer's", -hourMs],
  ["the consumer's", hourMs],
])(
  "delays a publish to a topic as long as it was meant to, though %s clock is off by %i ms",
  async (whose, ms) => {
    const [publisher, connection] = [await bench.connect(), await bench.connect()];
    const group = await bench.made(connection, "group");
    const topic = { ...group, kind: "topic" as const, group: undefined, brokerGroup: undefined };
    const realNow = Date.now;
    const skew = () => vi.spyOn(Date, "now").mockImplementation(() => realNow() + ms);
    const clock = skew();
    if (whose === "the consumer's") clock.mockRestore();
    const sentAt = performance.now();
    await publish(publisher, topic, [message({ delayMs: 1_500 })]);
    clock.mockRestore();
    if (whose === "the consumer's") skew();
    const [delivery] = await take(await consume(connection, group), 1);
    expect(performance.now() - sentAt).toBeGreaterThanOrEqual(1_490);
    // As late as the capability says, and a second for a busy machine.
    expect(performance.now() - sentAt).toBeLessThan(1_500 + 2_000 + 1_000);
    expect(delivery?.redeliveries).toBe(0);
  },
);

it("gives a message to another when the lease is over, and settles it for nobody else", async () => {
  const connection = await bench.connect({ leaseMs: 3_000 });
  const queue = await bench.made(connection, "queue");
  await publish(connection, queue, [message()]);
  const [first, second] = [await consume(connection, queue), await consume(connection, queue)];
  const held = await receive(first, 1);
  const [again] = await receive(second, 1);
  expect(again?.redeliveries).toBe(1);
  expect(await ack(first, held)).toEqual(["lost"]);
  expect(await ack(second, again ? [again] : [])).toEqual(["settled"]);
});

it("leaves no queue behind of a broadcast or an inbox that closed", async () => {
  const connection = await bench.connect();
  const topic = await bench.made(connection, "topic");
  const inbox = await bench.made(connection, "inbox");
  const before = await temporaryQueues();
  const [live, replies] = [await consume(connection, topic), await consume(connection, inbox)];
  await publish(connection, topic, [message()]);
  await publish(connection, inbox, [message()]);
  expect([await receive(live, 1), await receive(replies, 1)].flat()).toHaveLength(2);
  const added = async () => (await temporaryQueues()).filter((url) => !before.includes(url));
  expect(await added()).not.toEqual([]);
  await Promise.all([live.close(nothingStarted), replies.close(nothingStarted)]);
  expect(await added()).toEqual([]);
  expect((await temporaryQueues()).filter((url) => url.includes(inbox.brokerName))).toEqual([]);
});
