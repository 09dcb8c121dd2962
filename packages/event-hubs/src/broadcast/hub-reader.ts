import {
  type Call,
  type CloseConsumerOptions,
  type Consumer,
  PartitionBuffers,
  type PartitionBuffersOptions,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
} from "@waybill/core/spi";
import { EventHubsDelivery } from "../delivery.ts";
import type { Start } from "../groups/start.ts";
import type { HubAddress } from "../naming.ts";
import type { ConsumerContext } from "../receiving/consumer-context.ts";
import { EventHubsPartition, type ReceivedEvent } from "../receiving/partition.ts";
import { PartitionReceivers } from "../receiving/partition-receivers.ts";

export interface HubReaderOptions extends PartitionBuffersOptions {
  readonly from: HubAddress;
  /** The partitions to read, and from where. */
  readonly starts: ReadonlyMap<string, Start>;
}

/**
 * Reads partitions without owning them: for broadcast, replay and replies. It writes
 * no checkpoints, so a crash leaves nothing behind.
 */
export class HubReader implements Consumer {
  readonly #partitions: PartitionBuffers<ReceivedEvent, EventHubsPartition>;
  readonly #receivers: PartitionReceivers;
  #closed = false;

  /** Resolves when every partition is being read. */
  static async start(context: ConsumerContext, options: HubReaderOptions): Promise<HubReader> {
    const reader = new HubReader(context, options);
    const { hub } = options.from;
    const partitions = [...options.starts].map(([id, { sequenceNumber }]) => {
      const partition = new EventHubsPartition(hub, id, context.settings.maxMessageBytes);
      partition.beginBehind(sequenceNumber);
      return partition;
    });
    for (const partition of partitions) reader.#partitions.add(partition);
    await Promise.all(partitions.map((partition) => reader.#receivers.open(partition)));
    return reader;
  }

  private constructor({ amqp, report }: ConsumerContext, options: HubReaderOptions) {
    this.#partitions = new PartitionBuffers(options);
    const onFailure = (cause: unknown) => this.#partitions.fail(cause);
    this.#receivers = new PartitionReceivers(amqp, this.#partitions, {
      from: options.from,
      owns: false,
      report: (cause) => {
        if (!this.#closed) report(cause);
      },
      // An owner has come to this consumer group, and tolerates no readers beside it.
      onStolen: () => onFailure(new Error("A reader with an owner level took a partition of this group.")),
      onFailure,
    });
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#partitions.receive(
      max,
      call.signal,
      (from, { message }) => new EventHubsDelivery(from, message),
    );
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(() => (this.#closed ? "lost" : "settled"));
  }

  setPrefetch(prefetch: number): void {
    this.#partitions.setPrefetch(prefetch);
  }

  pausePartitions(partitions: readonly string[]): void {
    this.#partitions.pausePartitions(partitions);
  }

  async close(_: CloseConsumerOptions): Promise<void> {
    this.#closed = true;
    this.#receivers.close();
    for (const partition of this.#partitions.all) partition.stop("gone");
  }
}
