import { afterEach, describe, expect, it, vi } from "vitest";
import type { FetchedPartition, KafkaLink } from "../src/client.ts";
import { Fetcher } from "../src/fetching/fetcher.ts";
import { Lane } from "../src/fetching/lane.ts";
import { Lanes } from "../src/fetching/lanes.ts";
import { protocolError } from "../src/kafkajs/internals.ts";

const patience = { timeout: 15_000, interval: 5 };
const opened: Fetcher[] = [];
afterEach(() => {
  for (const fetcher of opened.splice(0)) fetcher.close();
});

/** A fetcher of topic `t` on one broker, of which `cluster` says what is true at the moment. */
function fetching(cluster: Partial<KafkaLink>) {
  const lanes = new Lanes(100);
  /** The offsets asked for, by partition. */
  const asked = new Map<number, number[]>();
  const failures: unknown[] = [];
  const link: Partial<KafkaLink> = {
    leaders: async () => [1],
    ...cluster,
    fetch: async (node, request) => {
      for (const { partition, offset } of request.positions)
        asked.set(partition, [...(asked.get(partition) ?? []), offset]);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return (await cluster.fetch?.(node, request)) ?? [];
    },
  };
  const fetcher = new Fetcher(link as KafkaLink, lanes, {
    maxBytes: 1_000,
    onTrouble: () => {},
    onFailure: (cause) => failures.push(cause),
  });
  opened.push(fetcher);
  return { lanes, asked, failures };
}

describe("a partition that is younger than what is known of its topic", () => {
  it("is read once its leader is known", async () => {
    let leaders = [1];
    const { lanes, asked, failures } = fetching({ leaders: async () => leaders });
    lanes.add(new Lane("t", 0, 7));
    await vi.waitFor(() => expect(asked.get(0)).toContain(7), patience);
    leaders = [1, 1];
    lanes.add(new Lane("t", 1, 0));
    await vi.waitFor(() => expect(asked.get(1)).toContain(0), patience);
    expect(failures).toEqual([]);
  });

  it("is asked for again, and not without a pause, while the broker has not heard of it", async () => {
    let leaders = [1];
    let questions = 0;
    const { lanes, asked } = fetching({
      leaders: async () => {
        questions++;
        return leaders;
      },
    });
    lanes.add(new Lane("t", 0, 7));
    lanes.add(new Lane("t", 1, 0));
    await vi.waitFor(() => expect(asked.get(0)?.length).toBeGreaterThan(20), patience);
    expect(questions).toBeLessThan(20);
    leaders = [1, 1];
    await vi.waitFor(() => expect(asked.get(1)).toContain(0), patience);
  });
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
    const { lanes, asked, failures } = fetching({
      fetch: async () => (refusals++ === 0 ? [refusal()] : []),
      listOffsets: async (_topic, _partitions, at) => new Map([[0, at === "earliest" ? earliest : latest]]),
    });
    lanes.add(new Lane("t", 0, 50));
    await vi.waitFor(() => expect(asked.get(0)?.length).toBeGreaterThan(1), patience);
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
