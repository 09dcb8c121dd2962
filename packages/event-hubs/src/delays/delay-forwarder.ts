import { setTimeout as sleep } from "node:timers/promises";
import { DelayForwarder, type DelayTierSource, DueMessageRouter, PartitionBuffers } from "@waybill/core/spi";
import { encodeMessage } from "../client/message-encoding.ts";
import { isMissing, isTransient } from "../errors.ts";
import type { GroupStore } from "../groups/checkpoint-store.ts";
import { GroupMember } from "../groups/membership.ts";
import { type AmqpMessage, offsetOf, sequenceNumberOf } from "../mapping.ts";
import { defaultGroup } from "../naming.ts";
import type { EventHubsPublisher } from "../publisher.ts";
import type { ConsumerContext } from "../receiving/consumer-context.ts";
import { EventHubsPartition, partitionId, type ReceivedEvent } from "../receiving/partition.ts";
import { PartitionReceivers } from "../receiving/partition-receivers.ts";
import { delayStore, UnwritableMessageError } from "./delay-store.ts";
import { clockMessage, readDelayed } from "./delayed-events.ts";

export interface DelayForwarderParts {
  readonly store: GroupStore;
  readonly publisher: EventHubsPublisher;
  /** The partitions of the delay hub, from the lowest tier to the highest. */
  readonly tiers: readonly string[];
  /** Called if it cannot go on. */
  readonly onEnd: () => void;
}

/** What waits is kept fetched only this far ahead of its time, for each tier, and this many bytes in all. */
const fetchAhead = { messages: 500, bytes: 16 * 1024 * 1024 };
/** How often to look, at increasing intervals, whether a partition tells of what was just stored in it. */
const looks = { most: 6, firstMs: 10 };

/**
 * Forwards the delayed messages of a namespace. Every process that consumes runs one; a tier
 * belongs to one of them, and whoever comes first keeps them all, since forwarding is little work.
 */
export class EventHubsDelayForwarder {
  readonly #context: ConsumerContext;
  readonly #store: GroupStore;
  readonly #publisher: EventHubsPublisher;
  readonly #hub: string;
  readonly #tiers: readonly string[];
  readonly #partitions: PartitionBuffers<ReceivedEvent, EventHubsPartition>;
  readonly #receivers: PartitionReceivers;
  readonly #member: GroupMember;
  readonly #forwarder: DelayForwarder<ReceivedEvent, EventHubsPartition, AmqpMessage>;
  readonly #closed = new AbortController();
  #closing: Promise<void> | undefined;

  constructor(context: ConsumerContext, { store, publisher, tiers, onEnd }: DelayForwarderParts) {
    const { settings, amqp } = context;
    const hub = settings.delayHub;
    this.#context = context;
    this.#store = store;
    this.#publisher = publisher;
    this.#hub = hub;
    this.#tiers = tiers;
    const report = (cause: unknown) => this.#report(cause);
    const onFailure = (cause: unknown) => {
      this.#report(cause);
      void this.close().then(onEnd);
    };
    this.#partitions = new PartitionBuffers({
      prefetch: fetchAhead.messages * tiers.length,
      prefetchBytes: fetchAhead.bytes,
    });
    this.#receivers = new PartitionReceivers(amqp, this.#partitions, {
      from: { hub, consumerGroup: defaultGroup, mark: undefined, takesUnmarked: true },
      // Marks say where a message goes from here; here all of them are wanted.
      everyMark: true,
      owns: true,
      report,
      onStolen: ({ partition }) => this.#member.stolen(partition),
      onFailure,
    });
    this.#forwarder = new DelayForwarder({
      buffers: this.#partitions,
      source: this.#source(),
      router: new DueMessageRouter({
        store: delayStore(publisher, hub, tiers),
        tiers: tiers.length,
        isTransient,
        isMissing,
        isUnwritable: (cause) => cause instanceof UnwritableMessageError,
        report,
        signal: this.#closed.signal,
      }),
      report,
    });
    const group = { namespace: settings.namespace, hub, consumerGroup: defaultGroup };
    this.#member = new GroupMember(
      store,
      { ...settings, group, partitions: tiers, share: "all" },
      {
        assigned: (partitions) => {
          for (const partition of partitions) {
            this.#forwarder.begin(new EventHubsPartition(hub, partition, settings.maxMessageBytes));
          }
        },
        // Who has all of them gives none away.
        revoking: async () => {},
        revoked: (partitions) => {
          for (const partition of partitions) this.#end(partition);
        },
        report,
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
    this.#receivers.close();
    // The next forwarder begins at the checkpoints, and would repeat what is on its way.
    await this.#forwarder.close();
    await this.#member.close();
  }

  #end(partition: string): void {
    const found = this.#partitions.get(partitionId(this.#hub, partition));
    if (found !== undefined) this.#forwarder.end(found);
  }

  #source(): DelayTierSource<ReceivedEvent, EventHubsPartition, AmqpMessage> {
    return {
      open: async (partition) => {
        await this.#position(partition);
        void this.#receivers.open(partition);
      },
      tierOf: ({ partition }) => this.#tiers.indexOf(partition),
      read: (_, { message }) => readDelayed(message),
      brokerTime: ({ partition }) => this.#enqueuedTime(partition),
      commit: ({ partition }, { message }) =>
        this.#store.updateCheckpoint({
          fullyQualifiedNamespace: this.#context.settings.namespace,
          eventHubName: this.#hub,
          consumerGroup: defaultGroup,
          partitionId: partition,
          sequenceNumber: sequenceNumberOf(message),
          offset: offsetOf(message),
        }),
    };
  }

  async #position(partition: EventHubsPartition): Promise<void> {
    const { settings, amqp } = this.#context;
    const checkpoints = await this.#store.listCheckpoints(settings.namespace, this.#hub, defaultGroup);
    const found = checkpoints.find((one) => one.partitionId === partition.partition);
    if (found === undefined) return;
    const { lastSequenceNumber } = await amqp.partition(this.#hub, partition.partition);
    partition.beginBehind(found.sequenceNumber > lastSequenceNumber ? -1 : found.sequenceNumber);
  }

  /** When the service stores a message in this partition now, by its clock; `undefined` where it is slow to tell. */
  async #enqueuedTime(partition: string): Promise<number | undefined> {
    const { amqp } = this.#context;
    const before = await amqp.partition(this.#hub, partition);
    const [outcome] = await this.#publisher.storeAt(this.#hub, partition, [encodeMessage(clockMessage)]);
    if (outcome?.ok === false) throw outcome.cause;
    for (let look = 0; look < looks.most; look++) {
      if (look > 0) await sleep(looks.firstMs * 2 ** look);
      const { lastSequenceNumber, lastEnqueuedAt } = await amqp.partition(this.#hub, partition);
      if (lastSequenceNumber > before.lastSequenceNumber) return lastEnqueuedAt;
    }
    return undefined;
  }

  #report(cause: unknown): void {
    if (this.#closing === undefined) this.#context.report(cause);
  }
}
