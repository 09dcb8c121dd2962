import {
  type Address,
  type Call,
  givenUp,
  MessagingError,
  type PublishOutcome,
  unlessGivenUp,
  type WireMessage,
} from "@waybill/core/spi";
import type { ChannelModel, ConfirmChannel, Message } from "amqplib";
import type { Control } from "../declarations/control.ts";
import type { Delays } from "../delays/delays.ts";
import { channelLost, missingExchange } from "../errors.ts";
import { toContent, tooLongName, toProperties } from "../mapping.ts";
import { queueName } from "../naming.ts";
import { PublishBatch } from "./batch.ts";

interface Route {
  readonly exchange: string;
  readonly routingKey: string;
}

/**
 * Publishes on one confirm channel of a connection of its own: when memory or
 * disk run short the broker stops reading from connections that publish, and
 * acks must not be stopped with them.
 */
export class Publisher {
  readonly #connect: () => Promise<ChannelModel>;
  readonly #control: Control;
  readonly #delays: Delays;
  /** Exchanges that were there: publishing to one that is not would close the channel on everyone. */
  readonly #exchanges = new Set<string>();
  #channel: PublishChannel | undefined;
  #opening: Promise<PublishChannel> | undefined;

  constructor(connect: () => Promise<ChannelModel>, control: Control, delays: Delays) {
    this.#connect = connect;
    this.#control = control;
    this.#delays = delays;
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
      .then(() => void this.#exchanges.add(to.brokerName));
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

/** One confirm channel, from its opening until it closes. */
class PublishChannel {
  readonly #channel: ConfirmChannel;
  readonly #delays: Delays;
  /** Under way, in the order of their tags. */
  #batches: PublishBatch[] = [];
  #lastTag = 0;
  #error: unknown;
  #closed = false;
  #drained: (() => void) | undefined;
  /** Set while the channel's buffer is over its mark: resolves when there is room. */
  full: Promise<void> | undefined;

  constructor(channel: ConfirmChannel, delays: Delays, onClose: () => void) {
    this.#channel = channel;
    this.#delays = delays;
    channel.on("ack", ({ deliveryTag, multiple }) => this.#confirm(deliveryTag, multiple, true));
    channel.on("nack", ({ deliveryTag, multiple }) => this.#confirm(deliveryTag, multiple, false));
    channel.on("return", (message) => this.#returned(message));
    channel.on("drain", () => this.#relieve());
    channel.on("error", (error) => {
      this.#error = error;
    });
    channel.on("close", () => {
      this.#closed = true;
      onClose();
      this.#relieve();
      const missing = missingExchange(this.#error);
      if (missing !== undefined) this.#delays.forget(missing);
      for (const batch of this.#batches.splice(0)) batch.fail(this.#error);
    });
  }

  write(
    to: Address,
    messages: readonly WireMessage[],
    signal: AbortSignal,
  ): Promise<readonly PublishOutcome[]> {
    const direct = routeOf(to);
    const batch = new PublishBatch(to, direct.exchange, messages, this.#lastTag + 1);
    // In the list before it is complete, since a channel may close while it is written to.
    this.#batches.push(batch);
    for (let index = 0; index < messages.length; index++) {
      const message = messages[index] as WireMessage;
      if (this.#closed) {
        batch.refuse(index, channelLost(this.#error));
        continue;
      }
      if (to.ordered && batch.hasFailed(message.key)) {
        batch.refuse(
          index,
          new MessagingError("BROKER_ERROR", "An earlier message of this key failed.", { retryable: true }),
        );
        continue;
      }
      const route = message.delayMs > 0 ? this.#delays.route(to, message.delayMs) : direct;
      try {
        const room = this.#channel.publish(
          route.exchange,
          route.routingKey,
          toContent(message.body),
          toProperties(message),
        );
        this.#lastTag++;
        batch.sent(index);
        if (!room) this.#fill();
      } catch (cause) {
        batch.refuse(index, unsendable(message, cause));
      }
    }
    return batch.completed(signal, () => this.#forget());
  }

  #confirm(tag: number, multiple: boolean, ok: boolean): void {
    for (const batch of this.#batches) {
      if (batch.firstTag > tag) break;
      if (multiple) batch.confirmUpTo(tag, ok);
      else if (tag < batch.endTag) {
        batch.confirm(tag, ok);
        break;
      }
    }
    this.#forget();
  }

  /** A message that found no queue. It comes back before its confirm, in the order of publishing. */
  #returned(message: Message): void {
    const { exchange, routingKey } = message.fields;
    this.#delays.forget(exchange);
    for (const batch of this.#batches) if (batch.returned(exchange, routingKey, message)) return;
  }

  #forget(): void {
    let done = 0;
    while (done < this.#batches.length && (this.#batches[done] as PublishBatch).done) done++;
    if (done > 0) this.#batches.splice(0, done);
  }

  #fill(): void {
    this.full ??= new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  #relieve(): void {
    this.full = undefined;
    this.#drained?.();
    this.#drained = undefined;
  }
}

function routeOf(to: Address): Route {
  if (to.kind === "topic") return { exchange: to.brokerName, routingKey: to.brokerName };
  // The default exchange routes to the queue named by the routing key, and always exists.
  return { exchange: "", routingKey: queueName(to) };
}

function unsendable(message: WireMessage, cause: unknown): unknown {
  const name = tooLongName(message.headers);
  if (name !== undefined) {
    return new MessagingError("INVALID_HEADER", `The header "${name.slice(0, 40)}…" has too long a name.`, {
      remedy: "AMQP allows 255 bytes of UTF-8.",
      cause,
    });
  }
  if (cause instanceof RangeError) {
    return new MessagingError(
      "MESSAGE_TOO_LARGE",
      "The headers do not fit into the 64 KiB that amqplib encodes them in.",
      {
        remedy: "Move data into the body.",
        cause,
      },
    );
  }
  return cause;
}
