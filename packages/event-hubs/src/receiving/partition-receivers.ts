import { setTimeout as sleep } from "node:timers/promises";
import { ExponentialBackoff, type PartitionBuffers } from "@waybill/core/spi";
import type { AmqpConnection } from "../client/amqp-connection.ts";
import type { AmqpReceiver } from "../client/amqp-receiver.ts";
import { isMissing, isStolen, isTransient } from "../errors.ts";
import { type AmqpMessage, annotations, markOf, offsetOf, sequenceNumberOf } from "../mapping.ts";
import type { HubAddress } from "../naming.ts";
import type { EventHubsPartition, ReceivedEvent } from "./partition.ts";

export interface PartitionReceiversOptions {
  readonly from: HubAddress;
  /** Whether messages are wanted whatever their mark says. */
  readonly everyMark?: boolean;
  /** Whether it reads as the partition's owner, which cuts off whoever did before. */
  readonly owns: boolean;
  /** A message has been passed over that is for others. */
  onSkipped?(partition: EventHubsPartition): void;
  /** Something failed that will be tried again. */
  report(cause: unknown): void;
  /** Another owner reads this partition now. */
  onStolen(partition: EventHubsPartition): void;
  /** Something failed for good. */
  onFailure(cause: unknown): void;
}

/** The level of every owner: the vendor's own processors use it too, so that the later one always wins. */
const ownerLevel = 0;
const backoff = { firstMs: 50, maxMs: 2_000 };
/** For how long a hub or consumer group may be unknown before it counts as deleted. */
const unknownMs = 5_000;

/** Keeps a receiver open for each partition, from behind the last message that came. */
export class PartitionReceivers {
  readonly #amqp: AmqpConnection;
  readonly #partitions: PartitionBuffers<ReceivedEvent, EventHubsPartition>;
  readonly #options: PartitionReceiversOptions;
  #closed = false;

  constructor(
    amqp: AmqpConnection,
    partitions: PartitionBuffers<ReceivedEvent, EventHubsPartition>,
    options: PartitionReceiversOptions,
  ) {
    this.#amqp = amqp;
    this.#partitions = partitions;
    this.#options = options;
    partitions.onRoom = () => {
      const { itemShare, byteShare } = partitions;
      for (const partition of partitions.withRoom()) partition.askFor(itemShare, byteShare);
    };
  }

  /** Resolves when the partition is being read for the first time, or will not be. */
  async open(partition: EventHubsPartition): Promise<void> {
    const pauses = new ExponentialBackoff(backoff);
    let unknownSince: number | undefined;
    while (!this.#closed && partition.isOpen) {
      try {
        await this.#attach(partition);
        return;
      } catch (cause) {
        if (this.#closed || !partition.isOpen) return;
        if (isStolen(cause)) return this.#options.onStolen(partition);
        if (isMissing(cause)) unknownSince ??= performance.now();
        const isGone = unknownSince !== undefined && performance.now() - unknownSince >= unknownMs;
        if (isGone || !(isTransient(cause) || isMissing(cause))) return this.#options.onFailure(cause);
        this.#options.report(cause);
        await sleep(pauses.next());
      }
    }
  }

  close(): void {
    this.#closed = true;
  }

  async #attach(partition: EventHubsPartition): Promise<void> {
    const { from, owns } = this.#options;
    const receiver: AmqpReceiver = await this.#amqp.receiver(from.hub, {
      address: `${from.hub}/ConsumerGroups/${from.consumerGroup}/Partitions/${partition.partition}`,
      selector: behind(partition.last),
      ownerLevel: owns ? ownerLevel : undefined,
      onMessage: (message) => this.#arrived(partition, message),
      onEnd: (cause) => this.#ended(partition, cause),
    });
    partition.attach(receiver);
    this.#partitions.onRoom();
  }

  #arrived(partition: EventHubsPartition, message: AmqpMessage): void {
    const { from, everyMark = false } = this.#options;
    const mark = markOf(message);
    const wanted = everyMark || (mark === undefined ? from.takesUnmarked : mark === from.mark);
    partition.accept(message, sequenceNumberOf(message), wanted);
    if (!wanted || partition.isOutOfCredit) this.#partitions.onRoom();
    if (!partition.isOpen) return;
    if (wanted) this.#partitions.arrived(partition);
    else {
      partition.skippedOffset = offsetOf(message);
      this.#options.onSkipped?.(partition);
    }
  }

  #ended(partition: EventHubsPartition, cause: unknown): void {
    partition.attach(undefined);
    if (this.#closed || !partition.isOpen) return;
    if (isStolen(cause)) this.#options.onStolen(partition);
    else {
      // Idle links are closed by the service now and then; that is no news.
      if (!isTransient(cause)) this.#options.report(cause);
      void sleep(backoff.firstMs).then(() => this.open(partition));
    }
  }
}

/** What is stored behind this sequence number. */
function behind(sequenceNumber: number): string {
  return sequenceNumber < 0
    ? `amqp.annotation.${annotations.offset} > '-1'`
    : `amqp.annotation.${annotations.sequenceNumber} > '${sequenceNumber}'`;
}
