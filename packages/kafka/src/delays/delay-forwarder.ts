import {
  DelayForwarder,
  type DelayStore,
  type DelayTierSource,
  DueMessageRouter,
  delayTierHoldsMs,
  PartitionBuffers,
  systemClock,
  within,
} from "@waybill/core/spi";
import type { ClusterConnections } from "../client/kafka-client.ts";
import { errorType, isTransient } from "../errors.ts";
import type { TopicPartition } from "../groups/assignment.ts";
import { GroupMember } from "../groups/membership.ts";
import type { IncomingRecord, OutgoingRecord } from "../mapping.ts";
import type { KafkaPublisher } from "../publisher.ts";
import type { ConsumerContext } from "../receiving/consumer-context.ts";
import { Fetcher } from "../receiving/fetcher.ts";
import { KafkaPartition, partitionId } from "../receiving/partition.ts";
import { clockRecord, keptWaiting, readDelayed, released } from "./delayed-records.ts";

export interface DelayTopic {
  readonly groupId: string;
  readonly name: string;
  /** Where a message goes that does not say; others go to this topic or to one whose name is derived from it. */
  readonly home: string;
}

/** What waits is kept fetched only this far ahead of its time, for each tier, and this many bytes in all. */
const fetchAhead = { prefetch: 500 * delayTierHoldsMs.length, prefetchBytes: 16 * 1024 * 1024 };
/** How long leaving the group may take. */
const leaveTimeoutMs = 2_000;

type Source = DelayTierSource<IncomingRecord, KafkaPartition, OutgoingRecord>;

/**
 * Forwards the delayed messages of one topic. Every process that consumes the topic runs one,
 * all in one consumer group, so each tier has one forwarder.
 */
export class KafkaDelayForwarder {
  readonly #context: ConsumerContext;
  readonly #topic: DelayTopic;
  readonly #connections: ClusterConnections;
  readonly #partitions = new PartitionBuffers<IncomingRecord, KafkaPartition>(fetchAhead);
  readonly #fetcher: Fetcher;
  readonly #member: GroupMember;
  readonly #forwarder: DelayForwarder<IncomingRecord, KafkaPartition, OutgoingRecord>;
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  /** `onEnd` is called if it cannot go on. */
  constructor(context: ConsumerContext, publisher: KafkaPublisher, topic: DelayTopic, onEnd: () => void) {
    const { settings, control } = context;
    this.#context = context;
    this.#topic = topic;
    this.#connections = context.newConnections();
    const report = (cause: unknown) => this.#report(cause);
    const onFailure = (cause: unknown) => {
      this.#report(cause);
      void this.close().then(onEnd);
    };
    this.#fetcher = new Fetcher(this.#connections, this.#partitions, {
      maxBytes: settings.fetchMaxBytes,
      report,
      onFailure,
    });
    this.#forwarder = new DelayForwarder({
      buffers: this.#partitions,
      source: this.#source(),
      router: new DueMessageRouter({
        store: delayStore(publisher, topic.name),
        tiers: delayTierHoldsMs.length,
        isTransient,
        isMissing: (cause) => errorType(cause) === "UNKNOWN_TOPIC_OR_PARTITION",
        isUnwritable: () => false,
        report,
        signal: this.#closed.signal,
      }),
      report,
    });
    this.#member = new GroupMember(
      this.#connections,
      control,
      { ...settings, groupId: topic.groupId, topics: [topic.name], orphans: context.orphans },
      {
        assigned: (partitions) => {
          for (const { partition } of partitions) this.#begin(partition);
        },
        revoking: (partitions) => this.#forwarder.finish(this.#of(partitions)),
        revoked: (partitions) => {
          for (const partition of this.#of(partitions)) this.#forwarder.end(partition);
        },
        report,
        contact: () => {},
        failed: onFailure,
      },
    );
    this.#member.start();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort();
    this.#fetcher.close();
    await this.#forwarder.close();
    this.#connections.close();
    await within(systemClock, leaveTimeoutMs, this.#member.close());
  }

  #begin(number: number): void {
    const partition = new KafkaPartition(this.#topic.name, number, -1);
    partition.retryAt = Number.POSITIVE_INFINITY;
    this.#forwarder.begin(partition);
  }

  #source(): Source {
    const { control, settings } = this.#context;
    const { groupId, home } = this.#topic;
    return {
      open: async (partition) => {
        const { topic, partition: number } = partition;
        const committed = (await control.committedOffsets(groupId, topic, [number])).get(number) ?? -1;
        partition.position =
          committed >= 0
            ? committed
            : ((await control.listOffsets(topic, [number], "earliest")).get(number) ?? 0);
        partition.retryAt = 0;
        this.#partitions.onRoom();
      },
      tierOf: ({ partition }) => partition,
      read: (_, record) => readDelayed(record, home),
      brokerTime: ({ topic, partition }) => appendTime(control, topic, partition),
      commit: (from, last) => {
        const { topic, partition } = from;
        return this.#member.commit(
          () => (from.isAlive ? [{ topic, partition, offset: last.offset + 1 }] : []),
          settings.requestTimeoutMs,
        );
      },
    };
  }

  #of(partitions: readonly TopicPartition[]): readonly KafkaPartition[] {
    return partitions.flatMap(
      ({ topic, partition }) => this.#partitions.get(partitionId(topic, partition)) ?? [],
    );
  }

  #report(cause: unknown): void {
    if (this.#closing === undefined) this.#context.report(cause);
  }
}

/** When the broker stores a record in this partition now, by its clock; `undefined` where the topic keeps the writer's times. */
async function appendTime(
  connections: ClusterConnections,
  topic: string,
  partition: number,
): Promise<number | undefined> {
  try {
    const leader = (await connections.leaders(topic))[partition] ?? -1;
    const [stored] = await connections.produce(leader, topic, [{ partition, records: [clockRecord()] }]);
    if (stored?.error !== undefined) throw stored.error;
    return stored?.appendedAt;
  } catch (cause) {
    // Whoever asks will ask again, and then of who leads now.
    await connections.leaders(topic, true);
    throw cause;
  }
}

function delayStore(publisher: KafkaPublisher, delayTopic: string): DelayStore<OutgoingRecord> {
  return {
    deliver: (topic, records) => publisher.store(topic, records.map(released)),
    keep: (tier, records) =>
      publisher.store(delayTopic, records.map(keptWaiting), (_, partitions) =>
        Math.min(tier, partitions - 1),
      ),
  };
}
