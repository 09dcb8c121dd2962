import type { CloseConsumerOptions, DelayedHandBack, ReceivedMessage } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, expect, it } from "vitest";
import {
  ack,
  consume,
  ids,
  message,
  messages,
  publish,
  receive,
  topicOf,
  until,
} from "../../../scripts/testing/workbench.ts";
import { destroySocket } from "../src/client/node-connection.ts";
import { queueName, waitingName } from "../src/naming.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

/** What core says when these wait for their next attempt. */
const waiting = (...of: readonly (readonly [ReceivedMessage | undefined, DelayedHandBack])[]) => {
  const delayed = new Map(of.map(([one, how]) => [one as ReceivedMessage, how]));
  return { started: new Set(delayed.keys()), delayed } satisfies CloseConsumerOptions;
};
const minute: DelayedHandBack = { delayMs: 60_000, redeliveries: 3 };

const about = (received: readonly ReceivedMessage[]) =>
  received.map(({ redeliveries, waitMs = 0 }) => [redeliveries, waitMs > 0]);

/** A driver of its own: what only a process knows does not help. */
const elsewhere = () => bench.connect({}, bench.driver());

it("waiting retries of an ordered group keep their attempt and their wait with another client, in their place", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group", { ordered: true });
  const sent = messages(4, (n) => ({ key: `k${n}` }));
  await publish(connection, topicOf(group), sent);
  const first = await consume(await elsewhere(), group);
  const received = await receive(first, 4);
  const second = await consume(await elsewhere(), group);
  await first.close(waiting([received[0], minute], [received[2], { delayMs: 0, redeliveries: 2 }]));
  const again = await receive(second, 4);
  expect(ids(again)).toEqual(ids(sent));
  // What no handler has seen has used no attempt, though the broker has counted it.
  expect(about(again)).toEqual([
    [3, true],
    [0, false],
    [2, false],
    [0, false],
  ]);
  expect(again[0]?.waitMs).toBeGreaterThan(50_000);
  // Handed back once more before it is due, of which its next handler has seen nothing.
  await second.close({ started: new Set(), delayed: new Map() });
  const third = await consume(await elsewhere(), group);
  const once = await receive(third, 4);
  expect(about(once)).toEqual(about(again));
  expect(await ack(third, once)).toEqual(Array(4).fill("settled"));
  // What is settled leaves no note.
  await third.close({ started: new Set(), delayed: new Map() });
  const channel = await (connection.native as ChannelModel).createChannel();
  await until(async () => (await channel.get(waitingName(queueName(group)), { noAck: true })) === false);
});

it("a member that dies while it waits leaves them to the next", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  await publish(
    connection,
    queue,
    messages(2, () => ({ key: "k" })),
  );
  const first = await consume(await elsewhere(), queue);
  await first.close(waiting([(await receive(first, 2))[0], minute]));
  const dying = await elsewhere();
  expect(about(await receive(await consume(dying, queue), 2))[0]).toEqual([3, true]);
  destroySocket(dying.native as ChannelModel);
  const next = await consume(await elsewhere(), queue);
  // The broker has counted once more, and who died may have begun with it.
  expect(about(await receive(next, 2))[0]).toEqual([4, true]);
  bench.lost.length = 0;
});

it("what is noted of a message that was handed on without being received is handed on as well", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  const sent = messages(3, () => ({ key: "k" }));
  await publish(connection, queue, sent);
  const first = await consume(await elsewhere(), queue);
  await first.close(waiting([(await receive(first, 3))[2], minute]));
  const second = await consume(await elsewhere(), queue, { prefetch: 1 });
  await receive(second, 1);
  await second.close({ started: new Set(), delayed: new Map() });
  const third = await consume(await elsewhere(), queue);
  const last = (await receive(third, 3)).find(({ id }) => id === sent[2]?.id);
  expect(about([last as ReceivedMessage])).toEqual([[3, true]]);
});

it("a note says nothing of another message, nor of a copy of the same", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  const original = message({ key: "k" });
  await publish(connection, queue, [original]);
  const first = await consume(await elsewhere(), queue);
  const [one] = await receive(first, 1);
  await first.close(waiting([one, minute]));
  // As if it had been settled while its note stayed behind, and was redriven since.
  const channel = await (connection.native as ChannelModel).createChannel();
  await channel.purgeQueue(queueName(queue));
  const copy = { ...original, headers: { ...original.headers, "waybill-redrive-run": "r" } };
  await publish(connection, queue, [copy, message({ key: "k" })]);
  for (let deployment = 0; deployment < 3; deployment++) {
    const consumer = await consume(await elsewhere(), queue);
    for (const { waitMs = 0, redeliveries } of await receive(consumer, 2)) {
      expect(waitMs).toBe(0);
      expect(redeliveries).toBeLessThanOrEqual(deployment);
    }
    await consumer.close({ started: new Set(), delayed: new Map() });
  }
});

it("a note that is damaged holds nothing up, and is reported", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  await publish(connection, queue, [message({ key: "k" })]);
  const first = await consume(connection, queue);
  await first.close(waiting([(await receive(first, 1))[0], minute]));
  const channel = await (connection.native as ChannelModel).createConfirmChannel();
  const notes = waitingName(queueName(queue));
  await channel.purgeQueue(notes);
  for (const odd of ["", "null", "[]", '{"version":1,"at":0,"notes":[["x",1,2,3]]}', "x".repeat(600_000)])
    channel.sendToQueue(notes, Buffer.from(odd));
  await channel.waitForConfirms();
  const other = await elsewhere();
  const second = await consume(other, queue);
  const [again] = await receive(second, 1);
  expect(again?.waitMs).toBe(0);
  await until(() => bench.reports.length === 5);
});
