import {
  type Address,
  type Call,
  givenUp,
  type PublishOutcome,
  unlessGivenUp,
  type WireMessage,
} from "@waybill/core/spi";
import type { ChannelModel } from "amqplib";
import type { Control } from "./client/control.ts";
import type { KnownExchanges } from "./client/known-exchanges.ts";
import { PublishChannel } from "./client/publish-channel.ts";
import type { Delays } from "./delays/delays.ts";

/**
 * Publishes on one confirm channel of a connection of its own: when memory or
 * disk run short the broker stops reading from connections that publish, and
 * acks must not be stopped with them.
 */
export class RabbitmqPublisher {
  readonly #connect: () => Promise<ChannelModel>;
  readonly #control: Control;
  readonly #delays: Delays;
  readonly #exchanges: KnownExchanges;
  #channel: PublishChannel | undefined;
  #opening: Promise<PublishChannel> | undefined;

  constructor(
    connect: () => Promise<ChannelModel>,
    control: Control,
    delays: Delays,
    exchanges: KnownExchanges,
  ) {
    this.#connect = connect;
    this.#control = control;
    this.#delays = delays;
    this.#exchanges = exchanges;
  }

  async publish(to: Address, batch: readonly WireMessage[], call: Call): Promise<readonly PublishOutcome[]> {
    const preparing = this.#prepare(to, batch);
    if (preparing !== undefined) await unlessGivenUp(preparing, call.signal);
    let channel = this.#channel;
    if (channel === undefined) channel = await unlessGivenUp(this.#open(), call.signal);
    if (channel.full !== undefined) await unlessGivenUp(channel.full, call.signal);
    if (call.signal.aborted) throw givenUp(call.signal);
    return channel.write(to, batch, call.signal);
  }

  /** Looks whether the exchanges to publish through are there, once; nothing to wait for is the rule. */
  #prepare(to: Address, batch: readonly WireMessage[]): Promise<void> | undefined {
    let delayed = false;
    let direct = false;
    for (const message of batch) {
      if (message.delayMs > 0) delayed = true;
      else direct = true;
    }
    const unchecked = to.kind === "topic" && direct && !this.#exchanges.has(to.brokerName);
    const delays = delayed ? this.#delays.prepare(to, batch) : undefined;
    if (!unchecked) return delays;
    const check = this.#control
      .run((channel) => channel.checkExchange(to.brokerName))
      .then(() => this.#exchanges.add(to.brokerName));
    return delays === undefined ? check : Promise.all([check, delays]).then(() => undefined);
  }

  #open(): Promise<PublishChannel> {
    this.#opening ??= this.#connect()
      .then((model) => model.createConfirmChannel())
      .then((channel) => {
        const opened = new PublishChannel(channel, this.#delays, () => {
          this.#exchanges.clear();
          if (this.#channel === opened) this.#channel = undefined;
        });
        this.#channel = opened;
        return opened;
      })
      .finally(() => {
        this.#opening = undefined;
      });
    return this.#opening;
  }
}
