import { setTimeout as sleep } from "node:timers/promises";
import {
  type Call,
  type CloseConsumerOptions,
  type Consumer,
  type ConsumerHooks,
  ExponentialBackoff,
  HandBackNotes,
  MessagingError,
  PartitionBuffers,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  type Source,
  systemClock,
  within,
} from "@waybill/core/spi";
import { EventHubsDelivery } from "./delivery.ts";
import { isTransient } from "./errors.ts";
import { type GroupCheckpoint, type GroupId, type GroupStore, noStore } from "./groups/checkpoint-store.ts";
import { Checkpointer, longestNotes } from "./groups/checkpointer.ts";
import { GroupMember } from "./groups/membership.ts";
import { declareStart } from "./groups/start.ts";
import { hubAddressOf, isShared } from "./naming.ts";
import type { ConsumerContext } from "./receiving/consumer-context.ts";
import { EventHubsPartition, partitionId, type ReceivedEvent } from "./receiving/partition.ts";
import { PartitionReceivers } from "./receiving/partition-receivers.ts";

const backoff = { firstMs: 50, maxMs: 1_000 };
/** What was settled gets this long to reach the store when a consumer closes. */
const flushTimeoutMs = 1_500;

interface Parts {
  readonly store: GroupStore;
  readonly group: GroupId;
  readonly partitionIds: readonly string[];
}

/** A member of a group, or one of the consumers of a queue. */
export class EventHubsConsumer implements Consumer {
  readonly #context: ConsumerContext;
  readonly #hooks: ConsumerHooks;
  readonly #store: GroupStore;
  readonly #group: GroupId;
  readonly #partitions: PartitionBuffers<ReceivedEvent, EventHubsPartition>;
  readonly #receivers: PartitionReceivers;
  readonly #member: GroupMember;
  readonly #checkpointer: Checkpointer;
  #closing: Promise<void> | undefined;

  static async start(
    context: ConsumerContext,
    from: Source,
    hooks: ConsumerHooks,
  ): Promise<EventHubsConsumer> {
    const { amqp, store, settings } = context;
    if (store === undefined) throw noStore();
    const { address } = from;
    const { hub, consumerGroup } = hubAddressOf(address, settings);
    const group = { namespace: settings.namespace, hub, consumerGroup };
    // Queues begin with what they hold; groups where they are told to.
    const start = address.kind === "queue" ? ({ from: "earliest" } as const) : from.start;
    const { partitionIds } = await amqp.hub(hub, true);
    if (!isShared(address, settings)) {
      await declareStart(amqp, store, group, start, settings.requestTimeoutMs);
    }
    return new EventHubsConsumer(context, from, hooks, { store, group, partitionIds });
  }

  private constructor(
    context: ConsumerContext,
    from: Source,
    hooks: ConsumerHooks,
    { store, group, partitionIds }: Parts,
  ) {
    const { settings, amqp } = context;
    this.#context = context;
    this.#store = store;
    this.#hooks = hooks;
    this.#group = group;
    this.#partitions = new PartitionBuffers(from);
    const report = (cause: unknown) => this.#report(cause);
    const onFailure = (cause: unknown) => this.#partitions.fail(cause);
    this.#checkpointer = new Checkpointer(store, group, settings.checkpointIntervalMs, report);
    this.#receivers = new PartitionReceivers(amqp, this.#partitions, {
      from: hubAddressOf(from.address, settings),
      owns: true,
      onSkipped: (partition) => {
        if (partition.isDone) this.#record(partition, partition.last, partition.skippedOffset);
      },
      report,
      onStolen: ({ partition }) => this.#member.stolen(partition),
      onFailure,
    });
    this.#member = new GroupMember(
      store,
      { ...settings, group, partitions: partitionIds, share: "fair" },
      {
        assigned: (own) => void this.#begin(own),
        revoking: (partition) => this.#release(partition),
        revoked: (lost) => this.#drop(lost),
        report,
        failed: onFailure,
      },
    );
    this.#member.start();
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#partitions.receive(
      max,
      call.signal,
      (from, { message }) => new EventHubsDelivery(from, message),
    );
  }

  /** Settled is what is sure to be in the next checkpoint, unless this process crashes before. */
  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(({ delivery }) => {
      const { from, sequenceNumber, offset } = delivery as EventHubsDelivery;
      if (!from.isAlive || this.#closing !== undefined) return "lost";
      from.settled = Math.max(from.settled, sequenceNumber);
      return this.#record(from, sequenceNumber, offset) ?? "settled";
    });
  }

  setPrefetch(prefetch: number): void {
    this.#partitions.setPrefetch(prefetch);
  }

  pausePartitions(partitions: readonly string[]): void {
    this.#partitions.pausePartitions(partitions);
  }

  /** Event Hubs counts no deliveries, so handing back costs no attempt, whatever had been started. */
  close(unsettled: CloseConsumerOptions): Promise<void> {
    this.#closing ??= this.#close(unsettled);
    return this.#closing;
  }

  async #close(unsettled: CloseConsumerOptions): Promise<void> {
    this.#receivers.close();
    const partitions = [...this.#partitions.all];
    for (const partition of partitions) partition.stop("closing");
    this.#note(unsettled);
    await within(systemClock, flushTimeoutMs, this.#checkpointer.flush(partitions));
    for (const partition of partitions) {
      partition.stop("gone");
      this.#checkpointer.forget(partition);
    }
    await this.#member.close();
  }

  /** Begins to read partitions, each from behind its checkpoint. */
  async #begin(assigned: readonly string[]): Promise<void> {
    const { namespace, hub, consumerGroup } = this.#group;
    const { maxMessageBytes } = this.#context.settings;
    const partitions = assigned.map((partition) => new EventHubsPartition(hub, partition, maxMessageBytes));
    for (const partition of partitions) this.#partitions.add(partition);
    const pauses = new ExponentialBackoff(backoff);
    for (;;) {
      const wanted = partitions.filter(({ isOpen }) => isOpen);
      if (wanted.length === 0 || this.#closing !== undefined) return;
      try {
        const checkpoints = await this.#store.listCheckpoints(namespace, hub, consumerGroup);
        await Promise.all(wanted.map((partition) => this.#position(partition, checkpoints)));
        for (const partition of wanted) void this.#receivers.open(partition);
        return;
      } catch (cause) {
        if (this.#closing !== undefined) return;
        if (!isTransient(cause)) {
          this.#partitions.fail(cause);
          return;
        }
        this.#report(cause);
        await sleep(pauses.next());
      }
    }
  }

  /**
   * A partition without a checkpoint is younger than the group, which got its checkpoints
   * when it was declared: it is read from its beginning. So is one whose checkpoint is
   * beyond its end: the hub was deleted and made again.
   */
  async #position(partition: EventHubsPartition, checkpoints: readonly GroupCheckpoint[]): Promise<void> {
    const checkpoint = checkpoints.find((one) => one.partitionId === partition.partition);
    if (checkpoint === undefined) return;
    const { sequenceNumber, offset, notes } = checkpoint;
    const { lastSequenceNumber } = await this.#context.amqp.partition(partition.hub, partition.partition);
    if (sequenceNumber > lastSequenceNumber) return partition.beginBehind(-1);
    partition.beginBehind(sequenceNumber);
    partition.recorded = { sequenceNumber, offset };
    const known = HandBackNotes.read(notes, sequenceNumber + 1);
    if (known === undefined) this.#report(damagedNotes(partition.id));
    else partition.notes = known;
  }

  /** What is to be known of waiting retries goes with their partitions' next checkpoints. */
  #note({ delayed }: CloseConsumerOptions): void {
    const partitions = new Set<EventHubsPartition>();
    for (const [message, how] of delayed) {
      const { from, sequenceNumber } = message as EventHubsDelivery;
      if (!from.isAlive || sequenceNumber <= from.recorded.sequenceNumber) continue;
      from.notes.add(sequenceNumber, how);
      partitions.add(from);
    }
    let leftOut = 0;
    for (const partition of partitions) {
      const { recorded, notes } = partition;
      leftOut += notes.write(recorded.sequenceNumber + 1, longestNotes).leftOut;
      this.#checkpointer.record({ partition, ...recorded });
    }
    if (leftOut > 0) this.#context.report(tooManyNotes(leftOut));
  }

  async #release(going: string): Promise<void> {
    const partition = this.#partitions.get(partitionId(this.#group.hub, going));
    if (partition === undefined) return;
    partition.stop("closing");
    const unsettled = await this.#hooks.revoking([partition.id]);
    if (unsettled !== undefined) this.#note(unsettled);
    await this.#checkpointer.flush([partition]);
  }

  /** What lies behind the last message of ours was for others, and is done with it. */
  #record(
    partition: EventHubsPartition,
    sequenceNumber: number,
    offset: string,
  ): { readonly cause: unknown } | undefined {
    const progress =
      partition.isDone && partition.last > sequenceNumber
        ? { partition, sequenceNumber: partition.last, offset: partition.skippedOffset }
        : { partition, sequenceNumber, offset };
    return this.#checkpointer.record(progress);
  }

  #drop(gone: readonly string[]): void {
    const { hub } = this.#group;
    const partitions = gone.flatMap((one) => this.#partitions.get(partitionId(hub, one)) ?? []);
    for (const partition of partitions) {
      partition.stop("gone");
      this.#checkpointer.forget(partition);
      this.#partitions.delete(partition);
    }
    if (this.#closing === undefined && partitions.length > 0)
      this.#hooks.revoked(partitions.map(({ id }) => id));
  }

  #report(cause: unknown): void {
    if (this.#closing === undefined) this.#context.report(cause);
  }
}

function damagedNotes(partition: string): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    `The notes with the checkpoint of "${partition}" are damaged: retries that waited there count from one, and come at once.`,
    { remedy: "See who else writes this group's checkpoints." },
  );
}

function tooManyNotes(leftOut: number): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    `${leftOut} of the retries that wait count from one, and come at once: there is no room for more with the checkpoint.`,
    { remedy: "Fix what makes so many fail, or lower the prefetch." },
  );
}
