import { setTimeout as sleep } from "node:timers/promises";
import {
  type Call,
  type Consumer,
  type ConsumerHooks,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  type Source,
  systemClock,
  within,
} from "@waybill/core/spi";
import type { AmqpConnection } from "./amqp/amqp-connection.ts";
import { type Checkpoint, type GroupId, type GroupStore, noStore } from "./checkpoints/store.ts";
import { isTransient } from "./errors.ts";
import { Checkpointer } from "./groups/checkpointer.ts";
import { GroupMember } from "./groups/membership.ts";
import { declareStart } from "./groups/start.ts";
import type { EventHubsDelivery } from "./mapping.ts";
import { isShared, type Place, placeOf } from "./naming.ts";
import type { Settings } from "./options.ts";
import { Feed } from "./reading/feed.ts";
import { Lane } from "./reading/lane.ts";
import { Lanes } from "./reading/lanes.ts";

export interface ConsumerContext {
  readonly settings: Settings;
  readonly amqp: AmqpConnection;
  readonly store: GroupStore | undefined;
  report(cause: unknown): void;
  isClosed(): boolean;
}

const backoff = { firstMs: 50, mostMs: 1_000 };
/** What was settled gets this long to reach the store when a consumer closes. */
const farewellMs = 1_500;

/** A member of a group, or one of the consumers of a queue. */
export class GroupConsumer implements Consumer {
  readonly #context: ConsumerContext;
  readonly #hooks: ConsumerHooks;
  readonly #store: GroupStore;
  readonly #group: GroupId;
  readonly #lanes: Lanes;
  readonly #feed: Feed;
  readonly #member: GroupMember;
  readonly #checkpointer: Checkpointer;
  #closing: Promise<void> | undefined;

  static async start(context: ConsumerContext, from: Source, hooks: ConsumerHooks): Promise<GroupConsumer> {
    const { amqp, store, settings } = context;
    if (store === undefined) throw noStore();
    const { address } = from;
    const place = placeOf(address, settings);
    const group = { namespace: settings.namespace, hub: place.hub, consumerGroup: place.consumerGroup };
    // Queues begin with what they hold; groups where they are told to.
    const start = address.kind === "queue" ? ({ from: "earliest" } as const) : from.start;
    const { partitionIds } = await amqp.hub(place.hub, true);
    if (!isShared(address, settings)) {
      await declareStart(amqp, store, group, start, settings.requestTimeoutMs);
    }
    return new GroupConsumer(context, store, hooks, place, group, partitionIds, from.prefetch);
  }

  private constructor(
    context: ConsumerContext,
    store: GroupStore,
    hooks: ConsumerHooks,
    place: Place,
    group: GroupId,
    partitions: readonly string[],
    prefetch: number,
  ) {
    const { settings, amqp } = context;
    this.#context = context;
    this.#store = store;
    this.#hooks = hooks;
    this.#group = group;
    this.#lanes = new Lanes(prefetch);
    this.#checkpointer = new Checkpointer(store, group, settings.checkpointIntervalMs, (cause) =>
      this.#report(cause),
    );
    this.#feed = new Feed(amqp, this.#lanes, {
      place,
      owns: true,
      onSkipped: (lane) => {
        if (lane.isDone) this.#record(lane, lane.last, lane.skippedOffset);
      },
      onTrouble: (cause) => this.#report(cause),
      onStolen: ({ partition }) => this.#member.stolen(partition),
      onFailure: (cause) => this.#lanes.fail(cause),
    });
    this.#member = new GroupMember(
      store,
      { ...settings, group, partitions, share: "fair" },
      {
        assigned: (own) => void this.#take(own),
        revoking: (partition) => this.#letGo(partition),
        revoked: (lost) => this.#drop(lost),
        trouble: (cause) => this.#report(cause),
        failed: (cause) => this.#lanes.fail(cause),
      },
    );
    this.#member.start();
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#lanes.receive(max, call.signal);
  }

  /** Settled is what is sure to be in the next checkpoint, unless this process crashes before. */
  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(({ delivery }) => {
      const { from: lane, sequenceNumber, offset } = delivery as EventHubsDelivery;
      if (!lane.alive || this.#closing !== undefined) return "lost";
      lane.settled = Math.max(lane.settled, sequenceNumber);
      return this.#record(lane, sequenceNumber, offset) ?? "settled";
    });
  }

  pausePartitions(lanes: readonly string[]): void {
    this.#lanes.hold(lanes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#feed.close();
    const lanes = [...this.#lanes.all];
    for (const lane of lanes) lane.stop("closing");
    await within(systemClock, farewellMs, this.#checkpointer.flush(lanes));
    for (const lane of lanes) {
      lane.stop("gone");
      this.#checkpointer.forget(lane);
    }
    await this.#member.close();
  }

  /** Begins to read partitions, each from behind its checkpoint. */
  async #take(partitions: readonly string[]): Promise<void> {
    const { hub } = this.#group;
    const lanes = partitions.map((partition) => new Lane(hub, partition, -1));
    for (const lane of lanes) this.#lanes.add(lane);
    for (let waitMs = backoff.firstMs; ; waitMs = Math.min(backoff.mostMs, waitMs * 2)) {
      const wanted = lanes.filter((lane) => lane.open);
      if (wanted.length === 0 || this.#closing !== undefined) return;
      try {
        const { namespace, consumerGroup } = this.#group;
        const checkpoints = await this.#store.listCheckpoints(namespace, hub, consumerGroup);
        await Promise.all(wanted.map((lane) => this.#position(lane, checkpoints)));
        for (const lane of wanted) void this.#feed.open(lane);
        return;
      } catch (cause) {
        if (this.#closing !== undefined) return;
        if (!isTransient(cause)) {
          this.#lanes.fail(cause);
          return;
        }
        this.#report(cause);
        await sleep(waitMs);
      }
    }
  }

  /**
   * A partition without a checkpoint is younger than the group, which got its checkpoints
   * when it was declared: it is read from its beginning. So is one whose checkpoint is
   * beyond its end: the hub was deleted and made again.
   */
  async #position(lane: Lane, checkpoints: readonly Checkpoint[]): Promise<void> {
    const checkpoint = checkpoints.find(({ partitionId }) => partitionId === lane.partition);
    if (checkpoint === undefined) return;
    const { lastSequenceNumber } = await this.#context.amqp.partition(lane.hub, lane.partition);
    lane.beginBehind(checkpoint.sequenceNumber > lastSequenceNumber ? -1 : checkpoint.sequenceNumber);
  }

  async #letGo(partition: string): Promise<void> {
    const lane = this.#lanes.get(partition);
    if (lane === undefined) return;
    lane.stop("closing");
    await this.#hooks.revoking([lane.id]);
    await this.#checkpointer.flush([lane]);
  }

  /** What lies behind the last message of ours was for others, and is done with it. */
  #record(lane: Lane, sequenceNumber: number, offset: string): { readonly cause: unknown } | undefined {
    const mark =
      lane.isDone && lane.last > sequenceNumber
        ? { lane, sequenceNumber: lane.last, offset: lane.skippedOffset }
        : { lane, sequenceNumber, offset };
    return this.#checkpointer.record(mark);
  }

  #drop(partitions: readonly string[]): void {
    const lanes = partitions.flatMap((partition) => this.#lanes.get(partition) ?? []);
    for (const lane of lanes) {
      lane.stop("gone");
      this.#checkpointer.forget(lane);
      this.#lanes.delete(lane);
    }
    if (this.#closing === undefined && lanes.length > 0) this.#hooks.revoked(lanes.map(({ id }) => id));
  }

  #report(cause: unknown): void {
    if (this.#closing === undefined) this.#context.report(cause);
  }
}
