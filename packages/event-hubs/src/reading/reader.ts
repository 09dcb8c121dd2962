import type { Call, Consumer, ReceivedMessage, Settlement, SettleOutcome } from "@waybill/core/spi";
import type { ConsumerContext } from "../consumer.ts";
import type { Start } from "../groups/start.ts";
import type { Place } from "../naming.ts";
import { Feed } from "./feed.ts";
import { Lane } from "./lane.ts";
import { Lanes } from "./lanes.ts";

export interface ReaderOptions {
  readonly place: Place;
  /** The partitions to read, and from where. */
  readonly starts: ReadonlyMap<string, Start>;
  readonly prefetch: number;
}

/**
 * Reads partitions without owning them: for broadcast, replay and replies. It writes
 * no checkpoints, so a crash leaves nothing behind.
 */
export class HubReader implements Consumer {
  readonly #lanes: Lanes;
  readonly #feed: Feed;
  #closed = false;

  /** Resolves when every partition is being read. */
  static async start(context: ConsumerContext, options: ReaderOptions): Promise<HubReader> {
    const reader = new HubReader(context, options);
    const { hub } = options.place;
    const lanes = [...options.starts].map(
      ([partition, { sequenceNumber }]) => new Lane(hub, partition, sequenceNumber),
    );
    for (const lane of lanes) reader.#lanes.add(lane);
    await Promise.all(lanes.map((lane) => reader.#feed.open(lane)));
    return reader;
  }

  private constructor({ amqp, report }: ConsumerContext, { place, prefetch }: ReaderOptions) {
    this.#lanes = new Lanes(prefetch);
    const onFailure = (cause: unknown) => this.#lanes.fail(cause);
    this.#feed = new Feed(amqp, this.#lanes, {
      place,
      owns: false,
      onTrouble: (cause) => {
        if (!this.#closed) report(cause);
      },
      // An owner has come to this consumer group, and tolerates no readers beside it.
      onStolen: () => onFailure(new Error("A reader with an owner level took a partition of this group.")),
      onFailure,
    });
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#lanes.receive(max, call.signal);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(() => (this.#closed ? "lost" : "settled"));
  }

  pausePartitions(lanes: readonly string[]): void {
    this.#lanes.hold(lanes);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#feed.close();
    for (const lane of this.#lanes.all) lane.stop("gone");
  }
}
