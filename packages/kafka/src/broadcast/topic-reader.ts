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
import type { ClusterConnections } from "../client/kafka-client.ts";
import { KafkaDelivery } from "../delivery.ts";
import { isTransient } from "../errors.ts";
import type { IncomingRecord } from "../mapping.ts";
import type { ConsumerContext } from "../receiving/consumer-context.ts";
import { Fetcher } from "../receiving/fetcher.ts";
import { KafkaPartition, partitionId } from "../receiving/partition.ts";

/** How often to look for partitions that were added. */
const partitionCheckMs = 60_000;

export interface TopicReaderOptions extends PartitionBuffersOptions {
  readonly topic: string;
  /** The partitions to read, and from where. */
  readonly offsets: ReadonlyMap<number, number>;
  /** Whether partitions that are added later are to be read too. */
  readonly grows: boolean;
  readonly onClose: () => Promise<void>;
}

/**
 * Reads all partitions of a topic without a consumer group: for broadcast, replay
 * and reply topics. It commits nothing, so a crash leaves nothing behind.
 */
export class TopicReader implements Consumer {
  readonly #connections: ClusterConnections;
  readonly #partitions: PartitionBuffers<IncomingRecord, KafkaPartition>;
  readonly #fetcher: Fetcher;
  readonly #topic: string;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onClose: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(context: ConsumerContext, options: TopicReaderOptions) {
    const { topic, offsets } = options;
    this.#topic = topic;
    this.#onClose = options.onClose;
    this.#connections = context.newConnections();
    this.#partitions = new PartitionBuffers(options);
    this.#fetcher = new Fetcher(this.#connections, this.#partitions, {
      maxBytes: context.settings.fetchMaxBytes,
      report: (cause) => {
        if (this.#closing === undefined) context.report(cause);
      },
      onFailure: (cause) => this.#partitions.fail(cause),
    });
    for (const [partition, offset] of offsets) {
      this.#partitions.add(new KafkaPartition(topic, partition, offset));
    }
    if (options.grows)
      this.#timer = setInterval(() => void this.#addPartitions(context.control), partitionCheckMs);
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#partitions.receive(max, call.signal, (from, record) => new KafkaDelivery(from, record));
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(() => (this.#closing === undefined ? "settled" : "lost"));
  }

  setPrefetch(prefetch: number): void {
    this.#partitions.setPrefetch(prefetch);
  }

  pausePartitions(partitions: readonly string[]): void {
    this.#partitions.pausePartitions(partitions);
  }

  close(_: CloseConsumerOptions): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#fetcher.close();
    this.#connections.close();
    await this.#onClose();
  }

  async #addPartitions(control: ClusterConnections): Promise<void> {
    try {
      for (const partition of (await control.leaders(this.#topic, true)).keys()) {
        const isKnown = this.#partitions.get(partitionId(this.#topic, partition)) !== undefined;
        if (isKnown || this.#closing !== undefined) continue;
        // Younger than this reader, so all of it is new.
        this.#partitions.add(new KafkaPartition(this.#topic, partition, 0));
      }
    } catch (cause) {
      if (!isTransient(cause)) this.#partitions.fail(cause);
    }
  }
}
