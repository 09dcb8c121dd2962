import {
  type Call,
  type CloseConsumerOptions,
  type Consumer,
  PushQueue,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  systemClock,
  within,
} from "@waybill/core/spi";
import type { Channel, ConsumeMessage } from "amqplib";
import { byTag } from "./client/by-tag.ts";
import { RabbitmqDelivery, UnsettledDeliveries } from "./delivery.ts";
import { cancelled, channelLost, consumerClosed } from "./errors.ts";
import { giveBack } from "./groups/hand-back.ts";
import { ChannelConsumers } from "./receiving/channel-consumers.ts";
import type { ConsumerOptions } from "./receiving/consumer-options.ts";

/** How long the broker may take to answer while a consumer closes. */
const closeTimeoutMs = 15_000;

/**
 * Acks wait for the end of this turn of the event loop, or until they are this part
 * of the prefetch: an ack for many costs a quorum queue one entry of its log.
 */
const ackShare = 8;

/** Consumes one queue on a channel of its own. */
export class RabbitmqConsumer implements Consumer {
  readonly #channel: Channel;
  readonly #options: ConsumerOptions;
  readonly #queue = new PushQueue<RabbitmqDelivery>();
  readonly #unsettled = new UnsettledDeliveries();
  readonly #autoAck: boolean;
  readonly #consumers: ChannelConsumers;
  #error: unknown;
  #dead = false;
  #channelClosed = false;
  /** Settled, and not yet told to the broker. */
  #unacked: number[] = [];
  #ackEvery: number;
  #ackLater: ReturnType<typeof setImmediate> | undefined;
  #acked = false;
  /** Resolves with whether the acks that wait were written. */
  #acking: PromiseWithResolvers<boolean> | undefined;
  #closing: Promise<void> | undefined;
  /** Deliveries that wait until it is known what is noted of them. */
  readonly #unread: RabbitmqDelivery[] = [];
  #reading: Promise<void> | undefined;
  /** What went back with the channel, so that the broker has counted it. */
  #returned: readonly RabbitmqDelivery[] = [];
  #told = false;
  /** What came last. */
  #newest: RabbitmqDelivery | undefined;

  constructor(channel: Channel, options: ConsumerOptions) {
    this.#channel = channel;
    this.#options = options;
    const { noAck, exclusive, arguments: special } = options.consume;
    this.#autoAck = noAck === true;
    // A second consumer would stand by, be refused, or read a stream of its own.
    const mayAdd = !(this.#autoAck || exclusive || special || options.handBack.how === "close");
    this.#consumers = new ChannelConsumers(channel, {
      ...options,
      cameBack: options.replacement?.takesAllThatCameBack ? options.givenBack.of(options.queue) : 0,
      mayAdd,
      onMessage: this.#onMessage,
    });
    this.#ackEvery = Math.ceil(options.prefetch / ackShare);
    channel.on("error", (error) => {
      this.#error = error;
    });
    channel.on("close", () => {
      this.#channelClosed = true;
      this.#lose(this.#error ?? channelLost(undefined));
    });
  }

  start(): Promise<void> {
    return this.#consumers.start();
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
      this.#consumers.settled(own.native);
      this.#forgetUncounted(own);
      this.#unacked.push(own.tag);
      outcomes.push("settled");
    }
    if (this.#unacked.length >= this.#ackEvery) this.#ack();
    if (this.#unacked.length === 0) return Promise.resolve(outcomes);
    this.#ackLater ??= setImmediate(this.#ack);
    this.#acking ??= Promise.withResolvers();
    // Settled once it is written: what a channel takes with it was not.
    return this.#acking.promise.then((written) => (written ? outcomes : outcomes.map(() => "lost")));
  }

  /**
   * Without effect for an inbox, and where one consumer cannot take another's place.
   */
  setPrefetch(prefetch: number): void {
    if (!this.#consumers.adapts || this.#dead || this.#closing !== undefined) return;
    this.#ackEvery = Math.ceil(prefetch / ackShare);
    this.#consumers.setPrefetch(prefetch);
  }

  close(options: CloseConsumerOptions): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing.then(() => this.#tellUncounted(options.started));
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
    let written = true;
    try {
      for (const tag of this.#unacked) {
        if (tag > limit) this.#channel.ack(byTag(tag));
        else if (tag > upTo) upTo = tag;
      }
      if (upTo > 0) this.#channel.ack(byTag(upTo), true);
    } catch {
      // The channel is closing under us, and its end will be told; what it held comes again.
      written = false;
    }
    this.#unacked = [];
    this.#acked = true;
    this.#acking?.resolve(written);
    this.#acking = undefined;
  };

  readonly #onMessage = (message: ConsumeMessage | null): void => {
    if (message === null) return this.#lose(cancelled(this.#options.queue));
    if (this.#dead) return;
    const delivery = new RabbitmqDelivery(message, this, this.#options.retained);
    if (this.#options.skip?.(delivery) === true) {
      this.#channel.ack(message);
      return;
    }
    this.#newest = delivery;
    if (!this.#autoAck) this.#unsettled.add(delivery);
    if (message.fields.redelivered)
      delivery.uncounted = this.#options.uncounted.of(this.#options.queue, delivery.id);
    this.#handOut(delivery);
    this.#consumers.arrived(message);
  };

  /** From the first on that was delivered before, what earlier members noted must be known. */
  #handOut(delivery: RabbitmqDelivery): void {
    const { notes } = this.#options;
    const isFirst = this.#unread.length === 0;
    if (notes === undefined || notes.isRead || (isFirst && !delivery.native.fields.redelivered)) {
      notes?.apply(delivery);
      this.#queue.push(delivery);
      return;
    }
    this.#unread.push(delivery);
    if (!isFirst) return;
    this.#reading = notes.read().then(() => {
      for (const each of this.#unread.splice(0)) {
        notes.apply(each);
        if (!this.#dead) this.#queue.push(each);
      }
    });
  }

  /** The broker takes back what was not settled, so what core was not given yet must not be given any more. */
  #lose(cause: unknown): void {
    if (this.#dead) return;
    this.#dead = true;
    const { mayHold } = this.#consumers;
    if (mayHold !== undefined) this.#options.givenBack.note(this.#options.queue, mayHold);
    clearImmediate(this.#ackLater);
    this.#acking?.resolve(false);
    this.#acking = undefined;
    if (!this.#autoAck) this.#returned = this.#unsettled.all;
    this.#unsettled.clear();
    this.#options.notes?.close();
    if (!this.#autoAck) this.#queue.remove(() => true);
    this.#queue.fail(cause);
  }

  async #close(options: CloseConsumerOptions): Promise<void> {
    if (this.#channelClosed) return;
    // Of one that the broker has ended only the channel is left, and what is unsettled there goes back with it.
    if (!this.#dead) await within(systemClock, closeTimeoutMs, this.#handBack(options));
    // If the other side has closed it meanwhile, all of it has gone back already.
    await within(systemClock, closeTimeoutMs, this.#channel.close());
  }

  async #handBack(options: CloseConsumerOptions): Promise<void> {
    this.#ack();
    const { handBack, queue, notes } = this.#options;
    if (handBack.how === "close") {
      let newest: RabbitmqDelivery | undefined;
      do {
        await this.#consumers.takeAllThatCameBack(() => this.#takeTurn());
        await this.#reading;
        newest = this.#newest;
        await notes?.write(this.#unsettled.all, options);
        // Whoever was active may have left only now, and what it left comes to this one.
      } while (newest !== this.#newest && this.#newest?.native.fields.redelivered === true);
      this.#lose(consumerClosed());
      return this.#awaitAcks();
    }
    this.#queue.fail(consumerClosed());
    await this.#consumers.stop();
    this.#ack();
    const unsettled = this.#unsettled.all;
    this.#lose(consumerClosed());
    if (this.#autoAck || unsettled.length === 0) return;
    const copied = await giveBack(this.#channel, queue, unsettled, options, handBack);
    for (const delivery of copied) this.#forgetUncounted(delivery);
    this.#returned = [];
  }

  #forgetUncounted({ uncounted, id }: RabbitmqDelivery): void {
    if (uncounted > 0) this.#options.uncounted.forget(this.#options.queue, id);
  }

  /** What went back with the channel was counted by the broker, also where no handler had seen it. */
  #tellUncounted(started: ReadonlySet<ReceivedMessage>): void {
    const { uncounted, queue } = this.#options;
    for (const delivery of this.#returned) {
      const id: unknown = delivery.native.properties.messageId;
      if (typeof id !== "string") continue;
      // A connection that closes knows of no handlers; whoever does may come later.
      const counts = started.has(delivery);
      if (!counts && !this.#told) uncounted.add(queue, id);
      else if (counts && this.#told) uncounted.subtract(queue, id);
    }
    this.#told = true;
  }

  /**
   * The broker's channel holds acks back while more than 32 are under way to a
   * quorum queue (`rabbit_fifo_client` of 4.0, its soft limit), and forgets them if
   * the channel closes.
   */
  async #awaitAcks(): Promise<void> {
    if (this.#acked && this.#consumers.started) await this.#takeTurn();
  }

  /**
   * A second consumer on the channel, in vain since only one is active, takes its turn behind the
   * first acks, and its end behind the others and behind what the queue had sent by then.
   */
  async #takeTurn(): Promise<void> {
    const { consumerTag } = await this.#channel.consume(this.#options.queue, () => undefined);
    await this.#channel.cancel(consumerTag);
  }
}
