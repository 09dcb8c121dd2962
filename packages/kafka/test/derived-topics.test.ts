import type { Address } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { KafkaLink } from "../src/client.ts";
import { type ConsumerContext, GroupConsumer } from "../src/consumer.ts";
import { Movers } from "../src/delays/movers.ts";
import { Orphans } from "../src/groups/orphans.ts";
import { protocolError } from "../src/kafkajs/internals.ts";
import { settingsFromObject } from "../src/options.ts";
import { Publisher } from "../src/publishing/publisher.ts";

const group: Address = {
  kind: "group",
  name: "orders",
  group: "billing",
  brokerName: "orders",
  brokerGroup: "billing",
  ordered: false,
  retained: false,
};

/** A connection to a cluster of which one broker answers, and has not heard of some topics. */
function behind(unheardOf: Set<string>, committed: Readonly<Record<string, number>> = {}) {
  let links = 0;
  const link: Partial<KafkaLink> = {
    leaders: async (topic) => {
      if (unheardOf.has(topic)) throw protocolError(3);
      return [1];
    },
    listOffsets: async () => new Map([[0, 0]]),
    committedOffsets: async (_group, topic) => new Map([[0, committed[topic] ?? -1]]),
    commitOffsets: async () => {},
    joinGroup: () => new Promise(() => {}),
    leaveGroup: async () => {},
    close: () => {},
  };
  const context: ConsumerContext = {
    settings: settingsFromObject({}),
    control: link as KafkaLink,
    link: () => {
      links++;
      return link as KafkaLink;
    },
    report: () => {},
    orphans: new Orphans(),
    isClosed: () => false,
  };
  return { context, links: () => links };
}

const start = (context: ConsumerContext) =>
  GroupConsumer.start(
    context,
    { address: group, start: { from: "latest" }, filter: undefined, prefetch: 10 },
    { revoking: async () => {}, revoked: () => {} },
  );

describe("a group's topic for retries that the broker asked has not heard of", () => {
  it("is waited for when the group has a place in it, lest its retries never come", async () => {
    const { context } = behind(new Set(["orders..billing..retry"]), { "orders..billing..retry": 0 });
    await expect(start(context)).rejects.toMatchObject({ type: "LEADER_NOT_AVAILABLE" });
  });

  it("is done without when the group was never declared", async () => {
    const { context } = behind(new Set(["orders..billing..retry"]));
    await (await start(context)).close();
  });
});

describe("a topic for delayed messages that is not there yet", () => {
  afterEach(() => void vi.useRealTimers());

  it("is looked for again while somebody consumes, and no longer", async () => {
    vi.useFakeTimers();
    const unheardOf = new Set(["orders..delayed"]);
    const { context, links } = behind(unheardOf);
    const movers = new Movers(context, new Publisher(context.control, 1_000));
    const release = await movers.use(group);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(links()).toBe(0);
    unheardOf.clear();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(links(), "one mover").toBe(1);
    vi.useRealTimers();
    await release();
  });

  it("is not looked for when nobody consumes any more", async () => {
    vi.useFakeTimers();
    const unheardOf = new Set(["orders..delayed"]);
    const { context, links } = behind(unheardOf);
    const release = await new Movers(context, new Publisher(context.control, 1_000)).use(group);
    await release();
    unheardOf.clear();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(links()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
