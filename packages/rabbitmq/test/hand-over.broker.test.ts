import { type Consumer, nothingStarted } from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import { afterEach, expect, it } from "vitest";
import { consume, ids, messages, publish, receive, take } from "../../../scripts/testing/workbench.ts";
import { destroySocket } from "../src/client/node-connection.ts";
import { RabbitmqBench } from "./workbench.ts";

const bench = new RabbitmqBench();
afterEach(() => bench.end());

/** An ordered queue with one member that holds 1,000 of 1,500 messages. */
async function held() {
  const connection = await bench.connect();
  const queue = await bench.made(connection, "queue", { ordered: true });
  const sent = messages(1_500, () => ({ key: "k" }));
  await publish(connection, queue, sent);
  const member = await consume(connection, queue, { prefetch: 1_000 });
  await receive(member, 1_000);
  const join = async (prefetch: number) => {
    const own = await bench.connect({}, bench.driver());
    return { own, consumer: await consume(own, queue, { prefetch }) };
  };
  return { sent: ids(sent), member, join };
}

const all = async (consumer: Consumer) => ids(await take(consumer, 1_500));

it.each([1, 16, 100, 1_000])(
  "a member with a prefetch of %i that leaves at once leaves all in order",
  async (prefetch) => {
    const { sent, member, join } = await held();
    const brief = await join(prefetch);
    await member.close(nothingStarted);
    await brief.consumer.close(nothingStarted);
    const next = await join(prefetch);
    await receive(next.consumer, 1);
    await next.consumer.close(nothingStarted);
    expect(await all((await join(1_000)).consumer)).toEqual(sent);
  },
);

it.each([1, 16, 100, 1_000])(
  "a member with a prefetch of %i that is cut off leaves all in order",
  async (prefetch) => {
    const { sent, member, join } = await held();
    const brief = await join(prefetch);
    await member.close(nothingStarted);
    await receive(brief.consumer, 1_000);
    destroySocket(brief.own.native as ChannelModel);
    const next = await join(1_000);
    expect(await all(next.consumer)).toEqual(sent);
    bench.lost.length = 0;
  },
);
