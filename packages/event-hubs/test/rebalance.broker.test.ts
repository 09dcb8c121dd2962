import { nothingStarted } from "@waybill/core/spi";
import { afterEach, describe, expect, it } from "vitest";
import {
  ack,
  call,
  consume,
  ids,
  messages,
  publish,
  receive,
  receiveFor,
  take,
  until,
} from "../../../scripts/testing/workbench.ts";
import { EventHubsBench } from "./workbench.ts";

const bench = new EventHubsBench();
afterEach(() => bench.end());

const keyed = (count: number) => messages(count, (i) => ({ key: `k${i}` }));

describe("when members come and go", () => {
  it("a partition is released only after its handlers are done, and is gone before another has it", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue", { ordered: true });
    const sent = keyed(40);
    await publish(connection, queue, sent);
    const events: string[] = [];
    const going: string[] = [];
    const running = Promise.withResolvers<void>();
    const first = await consume(connection, queue, {
      revoking: async (partitions) => {
        going.push(...partitions);
        await running.promise;
        for (const partition of partitions) events.push(`${partition} done`);
      },
      revoked: (partitions) => {
        for (const partition of partitions) events.push(`${partition} gone`);
      },
    });
    const deliveries = await receive(first, 40);
    const second = await consume(await bench.connect(), queue);
    await until(() => going.length === 2);
    expect(await receiveFor(second, 1_000), "nobody else reads it while it is being released").toEqual([]);
    const moved = deliveries.filter(({ partition }) => going.includes(partition as string));
    const settled = moved.filter(({ partition }) => partition === going[0]);
    expect(await ack(first, settled)).toEqual(settled.map(() => "settled"));
    running.resolve();
    const rest = moved.filter((one) => !settled.includes(one));
    expect(ids(await receive(second, rest.length)).toSorted()).toEqual(ids(rest).toSorted());
    for (const partition of going) {
      expect(events.filter((event) => event.startsWith(partition))).toEqual([
        `${partition} done`,
        `${partition} gone`,
      ]);
    }
    const kept = deliveries.filter(({ partition }) => !going.includes(partition as string));
    expect(await ack(first, kept), "partitions that stay are not disturbed").toEqual(
      kept.map(() => "settled"),
    );
    expect(await ack(first, rest)).toEqual(rest.map(() => "lost"));
  });

  it("a member that closes hands over at once, with what it has settled", async () => {
    const connection = await bench.connect({ sessionTimeoutMs: 60_000, checkpointIntervalMs: 60_000 });
    const queue = await bench.made(connection, "queue", { ordered: true });
    const first = await consume(connection, queue);
    await publish(connection, queue, keyed(20));
    await take(first, 20);
    const sent = keyed(20);
    await publish(connection, queue, sent);
    await receive(first, 20);
    const second = await consume(await bench.connect(), queue);
    await first.close(nothingStarted);
    expect(ids(await receive(second, 20, 10_000)).toSorted()).toEqual(ids(sent).toSorted());
    expect(await receiveFor(second, 500)).toEqual([]);
  });

  it("retries of one group are for its members alone, and count in nobody else's watermark", async () => {
    const connection = await bench.connect();
    const billing = await bench.made(connection, "group", { group: "billing" });
    const shipping = await bench.made(connection, "group", {
      ...billing,
      group: "shipping",
      brokerGroup: "shipping",
    });
    const [one, other] = [await consume(connection, billing), await consume(connection, shipping)];
    const [retried] = messages(1, () => ({ delayMs: 300 }));
    await publish(connection, billing, [retried as NonNullable<typeof retried>]);
    expect(ids(await receive(one, 1))).toEqual([retried?.id]);
    expect(await receiveFor(other, 500)).toEqual([]);
    const topic = { ...billing, kind: "topic" as const };
    const sent = messages(5);
    await publish(connection, topic, sent);
    expect(ids(await take(other, 5)).toSorted()).toEqual(ids(sent).toSorted());
    await other.close(nothingStarted);
    const [state] = await connection.topology.inspect([shipping], call);
    expect(state, "what was for others is done with").toMatchObject({ exists: true, backlog: 0 });
  });
});
