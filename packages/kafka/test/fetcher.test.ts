import { PartitionBuffers } from "@waybill/core/spi";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ClusterConnections, FetchedPartition } from "../src/client/kafka-client.ts";
import { protocolError } from "../src/client/kafkajs-internals.ts";
import type { IncomingRecord } from "../src/mapping.ts";
import { Fetcher } from "../src/receiving/fetcher.ts";
import { KafkaPartition } from "../src/receiving/partition.ts";

const bounds = { timeout: 15_000, interval: 5 };
const opened: Fetcher[] = [];
afterEach(() => {
  for (const fetcher of opened.splice(0)) fetcher.close();
});

/** A fetcher of topic `t` on one broker, of which `cluster` says what is true at the moment. */
function fetching(cluster: Partial<ClusterConnections>, prefetchBytes = 1_000_000) {
  const partitions = new PartitionBuffers<IncomingRecord, KafkaPartition>({ prefetch: 100, prefetchBytes });
  /** The offsets asked for, by partition. */
  const asked = new Map<number, number[]>();
  const failures: unknown[] = [];
  const connections: Partial<ClusterConnections> = {
    leaders: async () => [1],
    ...cluster,
    fetch: async (node, request) => {
      for (const { partition, offset } of request.positions)
        asked.set(partition, [...(asked.get(partition) ?? []), offset]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return (await cluster.fetch?.(node, request)) ?? [];
    },
  };
  const fetcher = new Fetcher(connections as ClusterConnections, partitions, {
    maxBytes: 1_000,
    report: () => {},
    onFailure: (cause) => failures.push(cause),
  });
  opened.push(fetcher);
  return { partitions, asked, failures };
}

describe("a partition that is younger than what is known of its topic", () => {
  it("is read once its leader is known", async () => {
    let leaders = [1];
    const { partitions, asked, failures } = fetching({ leaders: async () => leaders });
    partitions.add(new KafkaPartition("t", 0, 7));
    await vi.waitFor(() => expect(asked.get(0)).toContain(7), bounds);
    leaders = [1, 1];
    partitions.add(new KafkaPartition("t", 1, 0));
    await vi.waitFor(() => expect(asked.get(1)).toContain(0), bounds);
    expect(failures).toEqual([]);
  });

  it("is asked for again, and not without a pause, while the broker has not heard of it", async () => {
    let leaders = [1];
    let questions = 0;
    const { partitions, asked } = fetching({
      leaders: async () => {
        questions++;
        return leaders;
      },
    });
    partitions.add(new KafkaPartition("t", 0, 7));
    partitions.add(new KafkaPartition("t", 1, 0));
    await vi.waitFor(() => expect(asked.get(0)?.length).toBeGreaterThan(20), bounds);
    expect(questions).toBeLessThan(20);
    leaders = [1, 1];
    await vi.waitFor(() => expect(asked.get(1)).toContain(0), bounds);
  });
});

it("a partition is read again after a failure though the clock was set back by an hour", async () => {
  let failing = true;
  const { partitions, asked } = fetching({
    fetch: async () => {
      if (!failing) return [];
      failing = false;
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
      setTimeout(() => vi.setSystemTime(Date.now() - 3_600_000), 10);
      throw protocolError(6);
    },
  });
  partitions.add(new KafkaPartition("t", 0, 7));
  try {
    await vi.waitFor(() => expect(asked.get(0)?.length).toBeGreaterThan(2), bounds);
  } finally {
    vi.useRealTimers();
  }
});

describe("an offset that the broker does not have", () => {
  /** What is asked for after the broker has refused offset 50 of a partition that reaches so far. */
  async function after(earliest: number, latest: number): Promise<number | undefined> {
    let refusals = 0;
    const refusal = (): FetchedPartition => ({
      topic: "t",
      partition: 0,
      error: protocolError(1),
      records: [],
      nextOffset: 50,
    });
    const { partitions, asked, failures } = fetching({
      fetch: async () => (refusals++ === 0 ? [refusal()] : []),
      listOffsets: async (_topic, _partitions, at) => new Map([[0, at === "earliest" ? earliest : latest]]),
    });
    partitions.add(new KafkaPartition("t", 0, 50));
    await vi.waitFor(() => expect(asked.get(0)?.length).toBeGreaterThan(1), bounds);
    expect(failures).toEqual([]);
    return asked.get(0)?.[1];
  }

  it("because of its age gives way to the oldest there is", async () => {
    expect(await after(80, 90)).toBe(80);
  });

  it("because it was lost gives way to all that came in its place, however little that is by now", async () => {
    expect(await after(0, 30)).toBe(0);
  });

  it("though there is such an offset is asked for again: nothing is passed over", async () => {
    expect(await after(0, 90)).toBe(50);
  });
});

describe("a bound on bytes", () => {
  const record = (offset: number, bytes: number): IncomingRecord => ({
    offset,
    bytes,
    timestamp: 0,
    key: null,
    value: null,
    headers: () => [],
    rawHeaders: () => [],
  });

  it("ends the fetching of a partition that has its share, though it may hold more messages", async () => {
    let requested = 0;
    const { partitions, asked, failures } = fetching(
      {
        fetch: async (_node, { positions, maxBytes }) => {
          requested = Math.max(requested, maxBytes);
          return positions.map(({ topic, partition, offset }) => ({
            topic,
            partition,
            error: undefined,
            records: [record(offset, 200)],
            nextOffset: offset + 1,
          }));
        },
      },
      500,
    );
    const partition = new KafkaPartition("t", 0, 0);
    partitions.add(partition);
    await vi.waitFor(() => expect(partition.bytes).toBe(600), bounds);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked.get(0)).toEqual([0, 1, 2]);
    expect(requested).toBeLessThanOrEqual(500);
    await partitions.receive(2, new AbortController().signal, (_, { offset }) => offset);
    await vi.waitFor(() => expect(asked.get(0)).toContain(3), bounds);
    expect(failures).toEqual([]);
  });

  it("leaves a partition alone whose position is not known yet, even after a failure of its topic", async () => {
    let failing = true;
    const { partitions, asked } = fetching({
      leaders: async () => {
        if (!failing) return [1, 1];
        failing = false;
        throw protocolError(5);
      },
    });
    partitions.add(new KafkaPartition("t", 0, 7));
    const unplaced = new KafkaPartition("t", 1, -1);
    unplaced.retryAt = Number.POSITIVE_INFINITY;
    partitions.add(unplaced);
    await vi.waitFor(() => expect(asked.get(0)?.length).toBeGreaterThan(2), bounds);
    expect(asked.get(1)).toBeUndefined();
  });
});
