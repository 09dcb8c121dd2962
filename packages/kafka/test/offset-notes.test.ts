import type { DelayedHandBack, ReceivedMessage } from "@waybill/core/spi";
import { expect, it } from "vitest";
import type { ClusterConnections, PartitionOffset } from "../src/client/kafka-client.ts";
import { protocolError } from "../src/client/kafkajs-internals.ts";
import { KafkaConsumer } from "../src/consumer.ts";
import { KafkaDelivery } from "../src/delivery.ts";
import { noteRetries, readNotes, withNotes } from "../src/groups/offset-notes.ts";
import { Orphans } from "../src/groups/orphans.ts";
import type { IncomingRecord } from "../src/mapping.ts";
import { readSettings } from "../src/options.ts";
import { KafkaPartition } from "../src/receiving/partition.ts";

const record = (offset: number): IncomingRecord => ({
  offset,
  timestamp: 0,
  key: Buffer.from("k"),
  value: Buffer.from("{}"),
  bytes: 3,
  headers: () => [],
  rawHeaders: () => [],
});

function partitionAt(committed: number): KafkaPartition {
  const partition = new KafkaPartition("jobs", 0, committed);
  partition.committed = committed;
  return partition;
}

const delayed = (...of: readonly (readonly [ReceivedMessage, DelayedHandBack])[]) => new Map(of);
const minute: DelayedHandBack = { delayMs: 60_000, redeliveries: 2 };
const fail = (cause: unknown) => {
  throw cause;
};

it("a waiting retry is noted beside the offset, and known to who reads on from there", () => {
  const partition = partitionAt(5);
  const offsets = noteRetries(delayed([new KafkaDelivery(partition, record(7)), minute]), fail);
  const [commit] = withNotes(offsets);
  expect(commit).toMatchObject({ topic: "jobs", partition: 0, offset: 5 });
  const next = partitionAt(5);
  next.notes = readNotes(next, 5, commit?.metadata ?? "", fail);
  const known = new KafkaDelivery(next, record(7));
  expect(known.redeliveries).toBe(2);
  expect(known.waitMs).toBeGreaterThan(50_000);
  expect(new KafkaDelivery(next, record(6)).redeliveries).toBe(0);
});

it("nothing is noted of what is settled, or someone else's by now", () => {
  const settled = partitionAt(8);
  const gone = partitionAt(5);
  gone.stop("gone");
  const offsets = noteRetries(
    delayed([new KafkaDelivery(settled, record(7)), minute], [new KafkaDelivery(gone, record(7)), minute]),
    fail,
  );
  expect(offsets.size).toBe(0);
});

it("more than there is room for is reported, and the rest is kept", () => {
  const partition = partitionAt(0);
  const reports: unknown[] = [];
  const many = Array.from(
    { length: 2_000 },
    (_, at) => [new KafkaDelivery(partition, record(at)), minute] as const,
  );
  const offsets = noteRetries(delayed(...many), (cause) => reports.push(cause));
  expect(reports).toHaveLength(1);
  expect(withNotes(offsets)[0]?.metadata?.length).toBeLessThanOrEqual(3_500);
});

it("a text that is damaged says nothing, and is reported; one of others says nothing", () => {
  const reports: unknown[] = [];
  const read = (metadata: string) => readNotes(partitionAt(0), 0, metadata, (cause) => reports.push(cause));
  expect(read("committed by hand").isEmpty && read("waybill-1 5 0:9:9999999").isEmpty).toBe(true);
  expect(reports).toEqual([]);
  expect(read("waybill-1 0 nonsense").isEmpty).toBe(true);
  expect(String(reports[0])).toContain('"jobs-0" is damaged');
});

it("a broker that has no room for the text gets the offset all the same", async () => {
  const commits: (readonly PartitionOffset[])[] = [];
  const reports: unknown[] = [];
  let fetched = false;
  const connections: Partial<ClusterConnections> = {
    leaders: async () => [1],
    listOffsets: async () => new Map([[0, 0]]),
    committedOffsets: async () => new Map([[0, 0]]),
    committed: async () => new Map([[0, { offset: 0, metadata: "" }]]),
    commitOffsets: async (_member, offsets) => {
      commits.push(offsets);
      if (offsets.some(({ metadata }) => metadata !== undefined)) throw protocolError(12);
    },
    joinGroup: async ({ metadata, onMemberId }) => {
      onMemberId("m");
      return { memberId: "m", generation: 1, isLeader: true, members: [{ memberId: "m", metadata }] };
    },
    syncGroup: async (_member, [mine]) => mine?.assignment as Uint8Array,
    heartbeat: async () => {},
    leaveGroup: async () => {},
    fetch: async () => {
      if (fetched) await new Promise(() => {});
      fetched = true;
      const records = [record(0), record(1), record(2)];
      return [{ topic: "jobs", partition: 0, error: undefined, records, nextOffset: 3 }];
    },
    close: () => {},
  };
  const address = {
    kind: "queue",
    name: "jobs",
    group: undefined,
    brokerName: "jobs",
    brokerGroup: undefined,
    ordered: true,
    retained: false,
  } as const;
  const consumer = await KafkaConsumer.start(
    {
      settings: readSettings({}),
      control: connections as ClusterConnections,
      newConnections: () => connections as ClusterConnections,
      report: (cause) => reports.push(cause),
      orphans: new Orphans(),
      signal: new AbortController().signal,
    },
    { address, start: { from: "latest" }, filter: undefined, prefetch: 10, prefetchBytes: 1_000 },
    { revoking: async () => undefined, revoked: () => {} },
  );
  const received = await consumer.receive(10, { signal: AbortSignal.timeout(10_000) });
  await consumer.close({ started: new Set(), delayed: delayed([received[1] as ReceivedMessage, minute]) });
  expect(commits.map(([one]) => [one?.offset, one?.metadata !== undefined])).toEqual([
    [0, true],
    [0, false],
  ]);
  expect(String(reports[0])).toContain("count from one");
});
