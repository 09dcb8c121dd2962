import { type Address, MessagingError, type PublishOutcome, type WireMessage } from "@waybill/core/spi";
import type { ConfirmChannel, Message, Options } from "amqplib";
import type { Delays } from "../delays/delays.ts";
import { channelLost, missingExchange } from "../errors.ts";
import { toContent, tooLongName, toProperties } from "../mapping.ts";
import { queueName } from "../naming.ts";
import { PublishBatch } from "./publish-batch.ts";

interface Route {
  readonly exchange: string;
  readonly routingKey: string;
}

/** One confirm channel, from its opening until it closes. */
export class PublishChannel {
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
          new MessagingError("BROKER_ERROR", "An earlier message of this key failed.", {
            remedy: "Publish it again after that one.",
            retryable: true,
          }),
        );
        continue;
      }
      const route = message.delayMs > 0 ? this.#delays.route(to, message.delayMs) : direct;
      try {
        const room = this.#channel.publish(
          route.exchange,
          route.routingKey,
          toContent(message.body),
          toProperties(message) as Options.Publish,
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
