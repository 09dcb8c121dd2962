import type { Address, Call } from "@waybill/core/spi";
import type { Channel, ChannelModel, Replies } from "amqplib";
import { expect, it } from "vitest";
import { Control } from "../src/client/control.ts";
import { KnownExchanges } from "../src/client/known-exchanges.ts";
import { RabbitmqTopology } from "../src/topology.ts";

const call: Call = { signal: new AbortController().signal };
const jobs = { kind: "queue", name: "jobs", brokerName: "jobs" } as Address;

/** What a removal deletes on a broker that answers so: an overloaded leader cannot be had at will. */
async function deleted(queues: Pick<Channel, "get" | "checkQueue">): Promise<readonly string[]> {
  const names: string[] = [];
  const channel = {
    ...queues,
    on: () => channel,
    close: async () => {},
    nack: () => {},
    deleteQueue: async (name: string) => void names.push(name),
  };
  const model = { createChannel: async () => channel } as unknown as ChannelModel;
  const unused = undefined as never;
  await new RabbitmqTopology(new Control(model), unused, unused, new KnownExchanges(), unused).remove(
    [jobs],
    call,
  );
  return names;
}

const count = (messageCount: number, consumerCount: number) => async (queue: string) =>
  ({ queue, messageCount, consumerCount }) satisfies Replies.AssertQueue;

it("takes the dead-letter queue along when it is empty", async () => {
  expect(await deleted({ checkQueue: count(0, 0), get: async () => false })).toContain("jobs..dead");
});

it("keeps dead channel that the broker was too busy to count", async () => {
  const get = async () => ({ content: Buffer.from("poison") }) as never;
  expect(await deleted({ checkQueue: count(0, 0), get })).not.toContain("jobs..dead");
});

it("keeps dead channel that are counted or being read", async () => {
  for (const checkQueue of [count(1, 0), count(0, 1)]) {
    expect(await deleted({ checkQueue, get: async () => false })).not.toContain("jobs..dead");
  }
});
