import { nothingStarted } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import { addressOf } from "../../../scripts/testing/addresses.ts";
import type { ClusterConnections } from "../src/client/kafka-client.ts";
import { protocolError } from "../src/client/kafkajs-internals.ts";
import { KafkaConsumer } from "../src/consumer.ts";
import { DelayForwarders } from "../src/delays/delay-forwarders.ts";
import { Orphans } from "../src/groups/orphans.ts";
import { readSettings } from "../src/options.ts";
import { KafkaPublisher } from "../src/publisher.ts";
import type { ConsumerContext } from "../src/receiving/consumer-context.ts";

const group = addressOf("group", "orders", "billing");

/** A connection to a cluster of which one broker answers, and has not heard of some topics. */
function behind(unheardOf: Set<string>, committed: Readonly<Record<string, number>> = {}) {
  let opened = 0;
  const connections: Partial<ClusterConnections> = {
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
    settings: readSettings({}),
    control: connections as ClusterConnections,
    newConnections: () => {
      opened++;
      return connections as ClusterConnections;
    },
    report: () => {},
    orphans: new Orphans(),
    signal: new AbortController().signal,
  };
  return { context, opened: () => opened };
}

const start = (context: ConsumerContext) =>
  KafkaConsumer.start(
    context,
    { address: group, start: { from: "latest" }, filter: undefined, prefetch: 10, prefetchBytes: 1_000 },
    { revoking: async () => {}, revoked: () => {} },
  );

describe("a group's topic for retries that the broker asked has not heard of", () => {
  it("is waited for when the group has a place in it, lest its retries never come", async () => {
    const { context } = behind(new Set(["orders..billing..retry"]), { "orders..billing..retry": 0 });
    await expect(start(context)).rejects.toMatchObject({ type: "LEADER_NOT_AVAILABLE" });
  });

  it("is done without when the group was never declared", async () => {
    const { context } = behind(new Set(["orders..billing..retry"]));
    await (await start(context)).close(nothingStarted);
  });
});

describe("a topic for delayed messages that is not there yet", () => {
  afterEach(() => void vi.useRealTimers());

  it("is looked for again while somebody consumes, and no longer", async () => {
    vi.useFakeTimers();
    const unheardOf = new Set(["orders..delayed"]);
    const { context, opened } = behind(unheardOf);
    const forwarders = new DelayForwarders(context, new KafkaPublisher(context.control, 1_000));
    const release = await forwarders.use(group);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(opened()).toBe(0);
    unheardOf.clear();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(opened(), "one forwarder").toBe(1);
    vi.useRealTimers();
    await release();
  });

  it("is not looked for when nobody consumes any more", async () => {
    vi.useFakeTimers();
    const unheardOf = new Set(["orders..delayed"]);
    const { context, opened } = behind(unheardOf);
    const release = await new DelayForwarders(context, new KafkaPublisher(context.control, 1_000)).use(group);
    await release();
    unheardOf.clear();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(opened()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});
