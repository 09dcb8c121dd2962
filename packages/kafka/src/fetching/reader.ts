import type { Call, Consumer, ReceivedMessage, Settlement, SettleOutcome } from "@waybill/core/spi";
import type { KafkaLink } from "../client.ts";
import type { ConsumerContext } from "../consumer.ts";
import { isTransient } from "../errors.ts";
import { Fetcher } from "./fetcher.ts";
import { Lane } from "./lane.ts";
import { Lanes } from "./lanes.ts";

/** How often to look for partitions that were added. */
const partitionCheckMs = 60_000;

export interface ReaderOptions {
  readonly topic: string;
  /** The partitions to read, and from where. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly prefetch: number;
  /** Whether partitions that are added later are to be read too. */
  readonly grows: boolean;
  readonly onClose: () => Promise<void>;
}

/**
 * Reads all partitions of a topic without a consumer group: for broadcast, replay
 * and reply topics. It commits nothing, so a crash leaves nothing behind.
 */
export class TopicReader implements Consumer {
  readonly #link: KafkaLink;
  readonly #lanes: Lanes;
  readonly #fetcher: Fetcher;
  readonly #topic: string;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #onClose: () => Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(context: ConsumerContext, options: ReaderOptions) {
    const { topic, offsets, prefetch } = options;
    this.#topic = topic;
    this.#onClose = options.onClose;
    this.#link = context.link();
    this.#lanes = new Lanes(prefetch);
    this.#fetcher = new Fetcher(this.#link, this.#lanes, {
      maxBytes: context.settings.fetchMaxBytes,
      onTrouble: (cause) => {
        if (this.#closing === undefined) context.report(cause);
      },
      onFailure: (cause) => this.#lanes.fail(cause),
    });
    for (const [partition, offset] of offsets) this.#lanes.add(new Lane(topic, partition, offset));
    if (options.grows)
      this.#timer = setInterval(() => void this.#addPartitions(context.control), partitionCheckMs);
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#lanes.receive(max, call.signal);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(() => (this.#closing === undefined ? "settled" : "lost"));
  }

  pausePartitions(lanes: readonly string[]): void {
    this.#lanes.hold(lanes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#fetcher.close();
    this.#link.close();
    await this.#onClose();
  }

  async #addPartitions(control: KafkaLink): Promise<void> {
    try {
      for (const partition of (await control.leaders(this.#topic, true)).keys()) {
        if (this.#lanes.get(this.#topic, partition) !== undefined || this.#closing !== undefined) continue;
        // Younger than this reader, so all of it is new.
        this.#lanes.add(new Lane(this.#topic, partition, 0));
      }
    } catch (cause) {
      if (!isTransient(cause)) this.#lanes.fail(cause);
    }
  }
}
