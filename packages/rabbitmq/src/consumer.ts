import {
  type Call,
  type Consumer,
  MessagingError,
  PushQueue,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  systemClock,
  within,
} from "@waybill/core/spi";
import type { Channel, ConsumeMessage, Options } from "amqplib";
import { RabbitmqDelivery, UnsettledDeliveries } from "./delivery.ts";
import { channelLost } from "./errors.ts";

/** How long the broker may take to answer while a consumer closes. */
const closeTimeoutMs = 5_000;

/**
 * Acks wait for the end of this turn of the event loop, or until they are this part
 * of the prefetch: an ack for many costs a quorum queue one entry of its log.
 */
const ackShare = 8;

export interface ConsumerOptions {
  readonly queue: string;
  readonly prefetch: number;
  readonly consume: Options.Consume;
  /**
   * Only one member of the group is active. What such a member gives back must be
   * in the queue before the next one becomes active, and that is so only when its
   * channel closes in one go (seen on 4.0: after `basic.cancel` the next member is
   * given what follows, and what comes back is delivered behind that).
   */
  readonly exclusiveOrder: boolean;
  /** Whether the topic keeps its messages, so that a delivery has a place in it. */
  readonly retained: boolean;
  /** For a message that is not to be handed out: `true` acks it here. */
  readonly skip?: (delivery: RabbitmqDelivery) => boolean;
}

/** Consumes one queue on a channel of its own. */
export class RabbitmqConsumer implements Consumer {
  readonly #channel: Channel;
  readonly #options: ConsumerOptions;
  readonly #queue = new PushQueue<RabbitmqDelivery>();
  readonly #unsettled = new UnsettledDeliveries();
  readonly #autoAck: boolean;
  #tag: string | undefined;
  #error: unknown;
  #dead = false;
  #channelClosed = false;
  /** Settled, and not yet told to the broker. */
  #unacked: number[] = [];
  readonly #ackEvery: number;
  #ackLater: ReturnType<typeof setImmediate> | undefined;
  #acked = false;
  #closing: Promise<void> | undefined;

  constructor(channel: Channel, options: ConsumerOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#autoAck = options.consume.noAck === true;
    this.#ackEvery = Math.ceil(options.prefetch / ackShare);
    channel.on("error", (error) => {
      this.#error = error;
    });
    channel.on("close", () => {
      this.#channelClosed = true;
      this.#lose(this.#error ?? channelLost(undefined));
    });
  }

  async start(): Promise<void> {
    const { queue, prefetch, consume } = this.#options;
    // Both on their way at once: one round trip.
    const prefetching = this.#autoAck ? undefined : this.#channel.prefetch(Math.min(prefetch, 65_535));
    const consuming = this.#channel.consume(queue, this.#onMessage, consume);
    const [{ consumerTag }] = await Promise.all([consuming, prefetching]);
    this.#tag = consumerTag;
  }

  receive(max: number, call: Call): Promise<readonly ReceivedMessage[]> {
    return this.#queue.receive(max, call.signal);
  }

  settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    const outcomes: SettleOutcome[] = [];
    for (const { delivery } of batch) {
      const own = delivery as RabbitmqDelivery;
      if (own.owner !== this || this.#dead) {
        outcomes.push("lost");
        continue;
      }
      this.#unsettled.remove(own);
      this.#unacked.push(own.tag);
      outcomes.push("settled");
    }
    if (this.#unacked.length >= this.#ackEvery) this.#ack();
    else if (this.#unacked.length > 0) this.#ackLater ??= setImmediate(this.#ack);
    return Promise.resolve(outcomes);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The oldest delivery that is not settled. */
  get oldest(): RabbitmqDelivery | undefined {
    return this.#unsettled.first;
  }

  /** One ack for all up to the first that is still unsettled, and one each for what lies behind it. */
  readonly #ack = (): void => {
    clearImmediate(this.#ackLater);
    this.#ackLater = undefined;
    if (this.#unacked.length === 0) return;
    const limit = this.#unsettled.first?.tag ?? Number.POSITIVE_INFINITY;
    let upTo = 0;
    try {
      for (const tag of this.#unacked) {
        if (tag > limit) this.#channel.ack(byTag(tag));
        else if (tag > upTo) upTo = tag;
      }
      if (upTo > 0) this.#channel.ack(byTag(upTo), true);
    } catch {
      // The channel is closing under us, and its end will be told; what it held comes again.
    }
    this.#unacked = [];
    this.#acked = true;
  };

  readonly #onMessage = (message: ConsumeMessage | null): void => {
    if (message === null) return this.#lose(cancelled(this.#options.queue));
    if (this.#dead) return;
    const delivery = new RabbitmqDelivery(message, this, this.#options.retained);
    if (this.#options.skip?.(delivery) === true) {
      this.#channel.ack(message);
      return;
    }
    if (!this.#autoAck) this.#unsettled.add(delivery);
    this.#queue.push(delivery);
  };

  /** The broker takes back what was not settled, so what core was not given yet must not be given any more. */
  #lose(cause: unknown): void {
    if (this.#dead) return;
    this.#dead = true;
    clearImmediate(this.#ackLater);
    this.#unsettled.clear();
    if (!this.#autoAck) this.#queue.remove(() => true);
    this.#queue.fail(cause);
  }

  async #close(): Promise<void> {
    if (this.#channelClosed) return;
    // Of one that the broker has ended only the channel is left, and what is unsettled there goes back with it.
    if (!this.#dead) await this.#leave();
    // If the other side has closed it meanwhile, all of it has gone back already.
    await within(systemClock, closeTimeoutMs, this.#channel.close());
  }

  async #leave(): Promise<void> {
    this.#ack();
    this.#lose(new MessagingError("CLOSED", "The consumer is closed."));
    if (this.#tag === undefined) return;
    const leaving = this.#options.exclusiveOrder ? this.#awaitAcks() : this.#giveBack(this.#tag);
    await within(systemClock, closeTimeoutMs, leaving);
  }

  /**
   * From RabbitMQ 4.3 on a nack is not counted as a failed delivery, while a closed
   * channel is. A cancel waits for the acks before it.
   */
  async #giveBack(tag: string): Promise<void> {
    const cancelling = this.#channel.cancel(tag);
    if (!this.#autoAck) this.#channel.nackAll(true);
    await cancelling;
    // What was on its way while we cancelled.
    if (!this.#autoAck) this.#channel.nackAll(true);
  }

  /**
   * The broker's channel holds acks back while more than 32 are under way to a
   * quorum queue (`rabbit_fifo_client` of 4.0, its soft limit), and forgets them if
   * the channel closes. A second consumer on it, in vain since only one is active,
   * takes its turn behind the first acks, and its end behind the others.
   */
  async #awaitAcks(): Promise<void> {
    if (!this.#acked) return;
    const { consumerTag } = await this.#channel.consume(this.#options.queue, () => undefined);
    await this.#channel.cancel(consumerTag);
  }
}

/** amqplib reads nothing else of a message that is acked. */
function byTag(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}

function cancelled(queue: string): MessagingError {
  return new MessagingError("NOT_FOUND", `The broker ended the consumer of "${queue}".`, {
    remedy: "Its queue was deleted, or its node went away.",
    retryable: true,
  });
}
