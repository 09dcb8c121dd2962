import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "rhea";
import type { AmqpConnection } from "../amqp/amqp-connection.ts";
import type { AmqpReceiver } from "../amqp/receiver.ts";
import { isMissing, isStolen, isTransient } from "../errors.ts";
import { annotations, markOf, offsetOf, sequenceNumberOf } from "../mapping.ts";
import type { Place } from "../naming.ts";
import type { Lane } from "./lane.ts";
import type { Lanes } from "./lanes.ts";

export interface FeedOptions {
  readonly place: Place;
  /** Whether messages are wanted whatever place they are for. */
  readonly everyMark?: boolean;
  /** Whether it reads as the partition's owner, which cuts off whoever did before. */
  readonly owns: boolean;
  /** A message has been passed over that is for others. */
  onSkipped?(lane: Lane): void;
  /** Something failed that will be tried again. */
  onTrouble(cause: unknown): void;
  /** Another owner reads this partition now. */
  onStolen(lane: Lane): void;
  /** Something failed for good. */
  onFailure(cause: unknown): void;
}

/** The level of every owner: the vendor's own processors use it too, so that the later one always wins. */
const ownerLevel = 0;
const backoff = { firstMs: 50, mostMs: 2_000 };
/** For how long a hub or consumer group may be unknown before it counts as deleted. */
const unknownMs = 5_000;

/** Keeps a link open for each lane, from behind the last message that came. */
export class Feed {
  readonly #amqp: AmqpConnection;
  readonly #lanes: Lanes;
  readonly #options: FeedOptions;
  #closed = false;

  constructor(amqp: AmqpConnection, lanes: Lanes, options: FeedOptions) {
    this.#amqp = amqp;
    this.#lanes = lanes;
    this.#options = options;
  }

  /** Resolves when the lane is being read for the first time, or will not be. */
  async open(lane: Lane): Promise<void> {
    let waitMs = backoff.firstMs;
    let unknownSince: number | undefined;
    while (!this.#closed && lane.open) {
      try {
        await this.#attach(lane);
        return;
      } catch (cause) {
        if (this.#closed || !lane.open) return;
        if (isStolen(cause)) return this.#options.onStolen(lane);
        if (isMissing(cause)) unknownSince ??= Date.now();
        const isGone = unknownSince !== undefined && Date.now() - unknownSince >= unknownMs;
        if (isGone || !(isTransient(cause) || isMissing(cause))) return this.#options.onFailure(cause);
        this.#options.onTrouble(cause);
        await sleep(waitMs);
        waitMs = Math.min(backoff.mostMs, waitMs * 2);
      }
    }
  }

  close(): void {
    this.#closed = true;
  }

  async #attach(lane: Lane): Promise<void> {
    const { place, owns } = this.#options;
    const receiver: AmqpReceiver = await this.#amqp.receiver(place.hub, {
      address: `${place.hub}/ConsumerGroups/${place.consumerGroup}/Partitions/${lane.partition}`,
      selector: behind(lane.last),
      ownerLevel: owns ? ownerLevel : undefined,
      onMessage: (message) => this.#arrived(lane, message),
      onEnd: (cause) => this.#ended(lane, cause),
    });
    lane.attach(receiver);
    this.#lanes.ask();
  }

  #arrived(lane: Lane, message: Message): void {
    const { place, everyMark = false } = this.#options;
    const mark = markOf(message);
    const wanted = everyMark || (mark === undefined ? place.takesUnmarked : mark === place.mark);
    this.#lanes.arrived(lane, message, sequenceNumberOf(message), wanted);
    if (wanted || !lane.open) return;
    lane.skippedOffset = offsetOf(message);
    this.#options.onSkipped?.(lane);
  }

  #ended(lane: Lane, cause: unknown): void {
    lane.attach(undefined);
    if (this.#closed || !lane.open) return;
    if (isStolen(cause)) this.#options.onStolen(lane);
    else {
      // Idle links are closed by the service now and then; that is no news.
      if (!isTransient(cause)) this.#options.onTrouble(cause);
      void sleep(backoff.firstMs).then(() => this.open(lane));
    }
  }
}

/** What is stored behind this sequence number. */
function behind(sequenceNumber: number): string {
  return sequenceNumber < 0
    ? `amqp.annotation.${annotations.offset} > '-1'`
    : `amqp.annotation.${annotations.sequenceNumber} > '${sequenceNumber}'`;
}
