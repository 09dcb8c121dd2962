import { setTimeout as sleep } from "node:timers/promises";
import {
  type Address,
  type Call,
  type CloseConsumerOptions,
  type Consumer,
  type ConsumerHooks,
  ExponentialBackoff,
  PartitionBuffers,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  type Source,
  systemClock,
  within,
} from "@waybill/core/spi";
import type { ClusterConnections, CommittedOffset } from "./client/kafka-client.ts";
import { topicExists } from "./client/topic-exists.ts";
import { KafkaDelivery } from "./delivery.ts";
import { errorType, isTransient, LeaderMovedError } from "./errors.ts";
import type { TopicPartition } from "./groups/assignment.ts";
import { GroupMember } from "./groups/membership.ts";
import { fromTheBeginning, noteRetries, notesRefused, readNotes, withNotes } from "./groups/offset-notes.ts";
import { declareOffsets } from "./groups/offsets.ts";
import type { IncomingRecord } from "./mapping.ts";
import { groupId, retryTopic } from "./naming.ts";
import type { ConsumerContext } from "./receiving/consumer-context.ts";
import { Fetcher } from "./receiving/fetcher.ts";
import { KafkaPartition, partitionId } from "./receiving/partition.ts";

const backoff = { firstMs: 50, maxMs: 1_000 };
/** How long leaving the group may take, and before that, committing what is to be known of waiting retries. */
const leaveTimeoutMs = 2_000;

/** A member of a group, or one of the consumers of a queue. */
export class KafkaConsumer implements Consumer {
  readonly #context: ConsumerContext;
  readonly #hooks: ConsumerHooks;
  readonly #groupId: string;
  readonly #connections: ClusterConnections;
  readonly #partitions: PartitionBuffers<IncomingRecord, KafkaPartition>;
  readonly #fetcher: Fetcher;
  readonly #member: GroupMember;
  #closing: Promise<void> | undefined;

  static async start(context: ConsumerContext, from: Source, hooks: ConsumerHooks): Promise<KafkaConsumer> {
    const { control } = context;
    const { address } = from;
    const topics = [address.brokerName];
    // Queues begin with what they hold; groups where they are told to.
    const start = address.kind === "queue" ? ({ from: "earliest" } as const) : from.start;
    await declareOffsets(control, groupId(address), address.brokerName, start);
    if (address.kind === "group" && (await hasRetries(control, address))) topics.push(retryTopic(address));
    return new KafkaConsumer(context, from, hooks, topics);
  }

  private constructor(
    context: ConsumerContext,
    from: Source,
    hooks: ConsumerHooks,
    topics: readonly string[],
  ) {
    const { settings, control } = context;
    this.#context = context;
    this.#hooks = hooks;
    this.#groupId = groupId(from.address);
    this.#connections = context.newConnections();
    this.#partitions = new PartitionBuffers(from);
    const onFailure = (cause: unknown) => this.#partitions.fail(cause);
    const report = (cause: unknown) => this.#report(cause);
    this.#fetcher = new Fetcher(this.#connections, this.#partitions, {
      maxBytes: settings.fetchMaxBytes,
      report,
      onFailure,
    });
    this.#member = new GroupMember(
      this.#connections,
      control,
      { ...settings, groupId: this.#groupId, topics, orphans: context.orphans },
      {
        assigned: (partitions) => this.#begin(partitions),
        revoking: (partitions) => this.#release(partitions),
        revoked: (partitions) => this.#drop(partitions),
        report,
        // What is handed out while commits do not get through would have to be repeated.
        contact: (isGood) => this.#partitions.suspend(!isGood),
        failed: onFailure,
      },
    );
    this.#member.start();
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#partitions.receive(max, call.signal, (from, record) => new KafkaDelivery(from, record));
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    const furthest = new Map<KafkaPartition, number>();
    for (const { delivery } of batch) {
      const { from, offset } = delivery as KafkaDelivery;
      if (!from.isAlive) continue;
      const known = furthest.get(from);
      if (known === undefined || known <= offset) furthest.set(from, offset + 1);
    }
    let failure: { readonly cause: unknown } | undefined;
    try {
      await this.#commit(furthest);
    } catch (cause) {
      failure = { cause };
    }
    return batch.map(({ delivery }) => {
      const { from } = delivery as KafkaDelivery;
      return !from.isAlive || !furthest.has(from) ? "lost" : (failure ?? "settled");
    });
  }

  setPrefetch(prefetch: number): void {
    this.#partitions.setPrefetch(prefetch);
  }

  pausePartitions(partitions: readonly string[]): void {
    this.#partitions.pausePartitions(partitions);
  }

  /** Kafka counts no deliveries, so handing back costs no attempt, whatever had been started. */
  close(unsettled: CloseConsumerOptions): Promise<void> {
    this.#closing ??= this.#close(unsettled);
    return this.#closing;
  }

  async #close(unsettled: CloseConsumerOptions): Promise<void> {
    this.#fetcher.close();
    if (unsettled.delayed.size > 0) {
      for (const partition of this.#partitions.all) partition.stop("closing");
      await within(systemClock, leaveTimeoutMs, this.#note(unsettled));
    }
    for (const partition of this.#partitions.all) partition.stop("gone");
    // At once, also where a fetch or a join still waits at the broker.
    this.#connections.close();
    await within(systemClock, leaveTimeoutMs, this.#member.close());
  }

  /** Begins to read partitions, each from where the group left off. */
  #begin(assigned: readonly TopicPartition[]): void {
    const partitions = assigned.map(({ topic, partition }) => new KafkaPartition(topic, partition, -1));
    for (const partition of partitions) {
      partition.retryAt = Number.POSITIVE_INFINITY;
      this.#partitions.add(partition);
    }
    for (const [topic, own] of Map.groupBy(partitions, (partition) => partition.topic))
      void this.#open(topic, own);
  }

  async #open(topic: string, partitions: readonly KafkaPartition[]): Promise<void> {
    const pauses = new ExponentialBackoff(backoff);
    while (this.#closing === undefined) {
      const wanted = partitions.filter(({ isOpen }) => isOpen);
      if (wanted.length === 0) return;
      try {
        const offsets = await this.#positions(topic, wanted);
        for (const partition of wanted) {
          const { offset, metadata } = offsets.get(partition.partition) ?? fromTheBeginning;
          partition.notes = readNotes(partition, offset, metadata, (cause) => this.#report(cause));
          partition.committed = offset;
          partition.position = offset;
          partition.retryAt = 0;
        }
        this.#partitions.onRoom();
        return;
      } catch (cause) {
        if (!isTransient(cause)) {
          this.#partitions.fail(cause);
          return;
        }
        if (errorType(cause) === undefined) this.#report(cause);
        await sleep(pauses.next());
      }
    }
  }

  /**
   * The committed offsets. A partition without one is younger than the group, which
   * got its offsets when it was declared: it is read from its beginning. That is
   * committed at once, so that it holds after a crash too.
   */
  async #positions(
    topic: string,
    wanted: readonly KafkaPartition[],
  ): Promise<ReadonlyMap<number, CommittedOffset>> {
    const { control, settings } = this.#context;
    const numbers = wanted.map(({ partition }) => partition);
    const offsets = await control.committed(this.#groupId, topic, numbers);
    const fresh = numbers.filter((partition) => (offsets.get(partition)?.offset ?? -1) < 0);
    if (fresh.length > 0) {
      const earliest = await control.listOffsets(topic, fresh, "earliest");
      const commits = [...earliest].map(([partition, offset]) => ({ topic, partition, offset }));
      await this.#member.commit(
        () => commits.filter((one) => this.#partitions.get(partitionId(topic, one.partition))?.isAlive),
        settings.requestTimeoutMs,
      );
      for (const partition of fresh) offsets.set(partition, fromTheBeginning);
      for (const [partition, offset] of earliest) offsets.set(partition, { offset, metadata: "" });
    }
    return offsets;
  }

  async #release(going: readonly TopicPartition[]): Promise<void> {
    const partitions = this.#of(going);
    for (const partition of partitions) partition.stop("closing");
    const unsettled = await this.#hooks.revoking(partitions.map(({ id }) => id));
    if (unsettled !== undefined) await this.#note(unsettled);
  }

  /** Offsets, and with them what is still to be known of messages behind them. */
  async #commit(offsets: ReadonlyMap<KafkaPartition, number>): Promise<void> {
    const { requestTimeoutMs } = this.#context.settings;
    const commit = () => this.#member.commit(() => withNotes(offsets), requestTimeoutMs);
    try {
      await commit();
    } catch (cause) {
      if (errorType(cause) !== "OFFSET_METADATA_TOO_LARGE") throw cause;
      // Nothing is worth as much as the offset.
      for (const partition of offsets.keys()) partition.notes.clear();
      this.#context.report(notesRefused(cause));
      await commit();
    }
    for (const [partition, offset] of offsets) {
      partition.committed = Math.max(partition.committed, offset);
      partition.notes.forgetBefore(partition.committed);
    }
  }

  /** Commits where these partitions are once more, with what is to be known of their waiting retries. Never rejects. */
  async #note({ delayed }: CloseConsumerOptions): Promise<void> {
    const offsets = noteRetries(delayed, (cause) => this.#context.report(cause));
    if (offsets.size === 0) return;
    try {
      await this.#commit(offsets);
    } catch (cause) {
      this.#context.report(cause);
    }
  }

  #drop(gone: readonly TopicPartition[]): void {
    const partitions = this.#of(gone);
    for (const partition of partitions) {
      partition.stop("gone");
      this.#partitions.delete(partition);
    }
    if (this.#closing === undefined) this.#hooks.revoked(partitions.map(({ id }) => id));
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

/** Whether a group reads a topic of its own for retries. If it has a place in one, a broker that knows none is behind. */
async function hasRetries(connections: ClusterConnections, group: Address): Promise<boolean> {
  const topic = retryTopic(group);
  if (await topicExists(connections, topic)) return true;
  const place = (await connections.committedOffsets(groupId(group), topic, [0])).get(0) ?? -1;
  if (place >= 0) throw new LeaderMovedError(topic);
  return false;
}
