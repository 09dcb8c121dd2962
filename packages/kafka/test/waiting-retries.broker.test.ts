import type { CloseConsumerOptions, DelayedHandBack, ReceivedMessage } from "@waybill/core/spi";
import { afterEach, expect, it } from "vitest";
import {
  ack,
  consume,
  ids,
  messages,
  publish,
  receive,
  topicOf,
} from "../../../scripts/testing/workbench.ts";
import { KafkaBench } from "./workbench.ts";

const bench = new KafkaBench();
afterEach(() => bench.end());

/** What core says when these wait for their next attempt. */
const waiting = (...of: readonly (readonly [ReceivedMessage | undefined, DelayedHandBack])[]) => {
  const delayed = new Map(of.map(([message, how]) => [message as ReceivedMessage, how]));
  return { started: new Set(delayed.keys()), delayed } satisfies CloseConsumerOptions;
};

const about = (messages: readonly ReceivedMessage[]) =>
  messages.map(({ redeliveries, waitMs = 0 }) => [redeliveries, waitMs > 0]);

it("waiting retries keep their attempt and their wait with another client, until they are settled", async () => {
  const connection = await bench.connect();
  const group = await bench.made(connection, "group");
  const sent = messages(5, () => ({ key: "same" }));
  await publish(connection, topicOf(group), sent);
  const first = await consume(connection, group);
  const received = await receive(first, 5);
  await ack(first, received.slice(0, 1));
  await first.close(
    waiting(
      [received[1], { delayMs: 60_000, redeliveries: 2 }],
      [received[3], { delayMs: 0, redeliveries: 1 }],
    ),
  );
  const second = await consume(await bench.connect(), group);
  const again = await receive(second, 4);
  expect(ids(again)).toEqual(ids(sent.slice(1)));
  expect(about(again)).toEqual([
    [2, true],
    [0, false],
    [1, false],
    [0, false],
  ]);
  expect(again[0]?.waitMs).toBeGreaterThan(30_000);
  expect(again[0]?.waitMs).toBeLessThanOrEqual(60_000);
  // What is settled is forgotten, and what lies behind it is still known.
  await ack(second, again.slice(0, 1));
  await second.close({ started: new Set(), delayed: new Map() });
  const third = await consume(await bench.connect(), group);
  expect(about(await receive(third, 3))).toEqual([
    [0, false],
    [1, false],
    [0, false],
  ]);
});

it("so do those of a partition that moves to a member that joins", async () => {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue");
  await publish(
    connection,
    queue,
    messages(40, (i) => ({ key: `k${i}` })),
  );
  const held: ReceivedMessage[] = [];
  const first = await consume(connection, queue, {
    revoking: async (partitions) =>
      waiting(
        ...held
          .filter(({ partition }) => partitions.includes(partition as string))
          .map((one) => [one, { delayMs: 60_000, redeliveries: 3 }] as const),
      ),
  });
  held.push(...(await receive(first, 40)));
  const second = await consume(await bench.connect(), queue);
  const [moved] = await receive(second, 1);
  expect(about([moved as ReceivedMessage])).toEqual([[3, true]]);
});
