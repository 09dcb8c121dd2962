import { nothingStarted, type ReceivedMessage } from "@waybill/core/spi";
import { afterEach, describe, expect, it } from "vitest";
import {
  ack,
  consume,
  ids,
  messages,
  publish,
  receive,
  receiveFor,
  sleep,
  take,
  until,
} from "../../../scripts/testing/workbench.ts";
import { KafkaBench } from "./workbench.ts";

const bench = new KafkaBench();
afterEach(() => bench.end());

describe("when members come and go", () => {
  it("a partition is released only after its handlers are done, and is gone before another has it", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const sent = messages(40, (i) => ({ key: `k${i}` }));
    await publish(connection, queue, sent);

    const events: string[] = [];
    let finish: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const going: string[] = [];
    const first = await consume(connection, queue, {
      revoking: async (partitions) => {
        going.push(...partitions);
        await running;
        for (const partition of partitions) events.push(`${partition} done`);
      },
      revoked: (partitions) => {
        for (const partition of partitions) events.push(`${partition} gone`);
      },
    });
    const deliveries = await receive(first, 40);
    const other = await bench.connect();
    const second = await consume(other, queue);
    await until(() => going.length === 2);

    expect(await receiveFor(second, 1_000), "nobody else reads it while it is being released").toEqual([]);
    const done = deliveries.filter(({ partition }) => going.includes(partition as string));
    const half = done.slice(0, Math.floor(done.length / 2)).filter(({ partition }) => partition === going[0]);
    expect(await ack(first, half)).toEqual(half.map(() => "settled"));
    finish();
    const again = await receive(second, done.length - half.length);
    for (const partition of going)
      expect(events.filter((event) => event.startsWith(partition))).toEqual([
        `${partition} done`,
        `${partition} gone`,
      ]);
    expect(ids(again).toSorted()).toEqual(ids(done.filter((one) => !half.includes(one))).toSorted());

    const kept = deliveries.filter(({ partition }) => !going.includes(partition as string));
    expect(await ack(first, kept), "partitions that stay are not disturbed").toEqual(
      kept.map(() => "settled"),
    );
    expect(await ack(first, done)).toEqual(done.map(() => "lost"));
    expect(await receiveFor(second, 500)).toEqual([]);
  });

  it("a partition whose handler takes its time does not keep the others from moving", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const stuck = new Set<string>();
    const first = await consume(connection, queue, {
      revoking: async (partitions) => {
        if (partitions.some((partition) => stuck.has(partition))) await new Promise(() => {});
      },
    });
    await publish(
      connection,
      queue,
      messages(40, (i) => ({ key: `k${i}` })),
    );
    const deliveries = await receive(first, 40);
    await ack(first, deliveries);
    // Members keep their lowest numbers, so one of these is to go.
    stuck.add(`${queue.brokerName}-3`);
    const second = await consume(connection, queue);
    await publish(
      connection,
      queue,
      messages(40, (i) => ({ key: `k${i}` })),
    );
    const moved = [...(await receive(second, 1)), ...(await receiveFor(second, 1_000))];
    const partitions = new Set(moved.map(({ partition }) => partition));
    expect([...partitions]).toEqual([`${queue.brokerName}-2`]);
  });

  it("what a closed member had goes to the others at once", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    let moved = 0;
    const revoked = (partitions: readonly string[]) => {
      moved += partitions.length;
    };
    const first = await consume(connection, queue, { revoked });
    // It has all partitions before another joins: only then are there some to be released.
    const everywhere = () => messages(40, (i) => ({ key: `k${i}` }));
    await publish(connection, queue, everywhere());
    await take(first, 40);
    const second = await consume(connection, queue);
    await until(() => moved === 2);
    await publish(connection, queue, everywhere());
    const mine: ReceivedMessage[] = [];
    const theirs: ReceivedMessage[] = [];
    await until(async () => {
      mine.push(...(await receiveFor(first, 500)));
      theirs.push(...(await receiveFor(second, 500)));
      return new Set([...ids(mine), ...ids(theirs)]).size === 40;
    });
    const before = Date.now();
    await first.close(nothingStarted);
    const handedOver = await receive(second, mine.length);
    expect(ids(handedOver).toSorted()).toEqual(ids(mine).toSorted());
    // Not only when its session, of six seconds, would have been over.
    expect(Date.now() - before).toBeLessThan(5_000);
  });

  it("no message is lost and no key is out of order, however often", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const keys = 8;
    const each = 60;
    const seen = new Map<string, number[]>();
    let count = 0;
    const running = new Set<string>();
    const overlaps: string[] = [];

    const member = async () => {
      const drain = new Map<string, Promise<void>>();
      const gone = new Set<string>();
      const consumer = await consume(connection, queue, {
        prefetch: 10,
        revoking: async (partitions) => {
          for (const partition of partitions) gone.add(partition);
          await Promise.all(partitions.map((partition) => drain.get(partition)));
        },
        revoked: (partitions) => {
          for (const partition of partitions) gone.delete(partition);
        },
      });
      const stop = new AbortController();
      const handle = async (delivery: ReceivedMessage) => {
        const key = delivery.key as string;
        const partition = delivery.partition as string;
        if (gone.has(partition) || stop.signal.aborted) return;
        if (running.has(key)) overlaps.push(key);
        running.add(key);
        await sleep(2);
        running.delete(key);
        const numbers = seen.get(key) ?? [];
        seen.set(key, numbers);
        numbers.push(Number(delivery.headers.n));
        count++;
        await ack(consumer, [delivery]);
      };
      const loop = (async () => {
        while (!stop.signal.aborted) {
          for (const delivery of await consumer.receive(5, { signal: stop.signal })) {
            const partition = delivery.partition as string;
            drain.set(
              partition,
              (drain.get(partition) ?? Promise.resolve()).then(() => handle(delivery)),
            );
          }
          await Promise.all(drain.values());
        }
      })();
      return async () => {
        stop.abort();
        await loop;
        await consumer.close(nothingStarted);
      };
    };

    const stops = [await member()];
    const publishing = (async () => {
      for (let n = 0; n < each; n++) {
        await publish(
          connection,
          queue,
          messages(keys, (k) => ({ key: `k${k}`, headers: { n: String(n) } })),
        );
        await sleep(100);
      }
    })();
    for (let i = 0; i < 3; i++) {
      stops.push(await member());
      await sleep(1_000);
      await stops.shift()?.();
      await sleep(500);
    }
    await publishing;
    await until(
      () => [...seen.values()].every((numbers) => new Set(numbers).size === each) && seen.size === keys,
      40_000,
    );
    for (const stop of stops) await stop();

    expect(overlaps).toEqual([]);
    for (const numbers of seen.values()) expect(swaps(numbers), numbers.join(" ")).toBe(0);
    expect(count, "an orderly handover repeats nothing").toBe(keys * each);
  }, 90_000);

  it("a member that is gone without a word is replaced when its session is over", async () => {
    const connection = await bench.connect();
    const queue = await bench.made(connection, "queue");
    const crashable = await bench.connectCrashable();
    const lost = await consume(crashable.connection, queue);
    await publish(
      connection,
      queue,
      messages(8, (i) => ({ key: `k${i}` })),
    );
    expect((await receive(lost, 8)).length).toBe(8);
    crashable.kill();
    const next = await consume(connection, queue);
    expect((await receive(next, 8)).length).toBe(8);
  }, 40_000);
});

/** A replay may repeat unacked messages; it must not bring anything before what came earlier for the first time. */
function swaps(numbers: readonly number[]): number {
  let count = 0;
  let highest = -1;
  for (const number of numbers) {
    if (number > highest + 1) count++;
    highest = Math.max(highest, number);
  }
  return count;
}
