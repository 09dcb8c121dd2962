import { describe, expect, it } from "vitest";
import { addressOf } from "../../../scripts/testing/addresses.ts";
import { messages } from "../../../scripts/testing/messages.ts";
import type { ClusterConnections, PartitionBatch, PartitionResult } from "../src/client/kafka-client.ts";
import { protocolError } from "../src/client/kafkajs-internals.ts";
import { errorType } from "../src/errors.ts";
import { KafkaPublisher } from "../src/publisher.ts";

const to = { ...addressOf("queue", "q"), ordered: true };

/** A cluster of two brokers with a topic of four partitions; `answer` says what becomes of each batch. */
function cluster(answer: (batch: PartitionBatch, request: number) => unknown, known = true) {
  const requests: { readonly node: number; readonly batches: readonly PartitionBatch[] }[] = [];
  const scripted: Pick<ClusterConnections, "leaders" | "produce"> = {
    leaders: async () => {
      if (known) return [1, 2, 1, 2];
      throw protocolError(3);
    },
    produce: async (node, _, batches) => {
      requests.push({ node, batches });
      return batches.map(
        (batch): PartitionResult => ({ baseOffset: 0, error: answer(batch, requests.length) }),
      );
    },
  };
  return { connections: scripted as ClusterConnections, requests };
}

const keyed = (count: number, size = 10) =>
  messages(count, () => ({ key: "same", body: Buffer.alloc(size) }));

describe("publishing", () => {
  it("sends one batch per partition and one request per broker", async () => {
    const { connections: scripted, requests } = cluster(() => undefined);
    const outcomes = await new KafkaPublisher(scripted, 1_000_000).publish(to, messages(100));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(requests.map(({ node }) => node).toSorted()).toEqual([1, 2]);
    expect(
      requests.flatMap(({ batches }) => batches).reduce((sum, { records }) => sum + records.length, 0),
    ).toBe(100);
  });

  it("does not go over the batch limit, and not past a failure", async () => {
    const { connections: scripted, requests } = cluster((_, request) =>
      request === 2 ? protocolError(19) : undefined,
    );
    const outcomes = await new KafkaPublisher(scripted, 1_000).publish(to, keyed(9, 250));
    expect(outcomes.map(({ ok }) => ok)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(requests.length).toBe(2);
  });

  it("halves a batch that is too large for the topic, and fails only what is too large alone", async () => {
    const { connections: scripted } = cluster(({ records }) =>
      records.length > 2 || records.some(({ value }) => value.length > 500) ? protocolError(10) : undefined,
    );
    const batch = [...keyed(3), ...keyed(1, 600), ...keyed(5)];
    const outcomes = await new KafkaPublisher(scripted, 1_000_000).publish(to, batch);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, true, false, true, true, true, true, true]);
  });

  it("takes a partition that its broker disowns for one that moves", async () => {
    const { connections: scripted } = cluster(() => protocolError(3));
    const [outcome] = await new KafkaPublisher(scripted, 1_000_000).publish(to, keyed(1));
    expect(errorType(outcome?.ok === false && outcome.cause)).toBe("LEADER_NOT_AVAILABLE");
  });

  it("fails all for a topic that is not there", async () => {
    const { connections: scripted, requests } = cluster(() => undefined, false);
    const outcomes = await new KafkaPublisher(scripted, 1_000_000).publish(to, keyed(2));
    expect(outcomes.map((outcome) => errorType(outcome.ok === false && outcome.cause))).toEqual([
      "UNKNOWN_TOPIC_OR_PARTITION",
      "UNKNOWN_TOPIC_OR_PARTITION",
    ]);
    expect(requests).toEqual([]);
  });
});
