import { type Delivery, type Headers, metadataHeaders } from "@waybill/core/spi";
import type { ConsumeMessage } from "amqplib";
import { contentTypeOf, countIn, fromHeaders, textOf, timeIn, timestampOf } from "./mapping.ts";
import { positionOf } from "./position.ts";

/** A delivery, and its place in the list of what its channel has not settled. */
export class AmqpDelivery implements Delivery {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly key: string | undefined;
  readonly timestamp: number;
  readonly headers: Headers;
  readonly expiresAt: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  readonly redeliveries: number;
  readonly native: ConsumeMessage;
  /** The channel's number for it; means nothing on another channel. */
  readonly tag: number;
  /** The consumer it belongs to, until it is settled or lost. */
  owner: object | undefined;
  previous: AmqpDelivery | undefined;
  next: AmqpDelivery | undefined;

  readonly #retained: boolean;

  constructor(message: ConsumeMessage, owner: object, retained: boolean) {
    const { properties, fields } = message;
    const table = properties.headers;
    this.native = message;
    this.tag = fields.deliveryTag;
    this.owner = owner;
    this.#retained = retained;
    this.previous = undefined;
    this.next = undefined;
    // Nothing of a message without an id tells it from the next; its tag does, on this consumer.
    this.id =
      textOf(properties.messageId, message, metadataHeaders.id) ??
      `${fields.consumerTag}:${fields.deliveryTag}`;
    this.body = message.content;
    this.contentType = contentTypeOf(message);
    const key = table?.[metadataHeaders.key];
    this.key = typeof key === "string" ? key : undefined;
    this.timestamp = timestampOf(properties) ?? Date.now();
    this.headers = fromHeaders(table);
    this.expiresAt = timeIn(table?.[metadataHeaders.expiresAt]);
    this.replyTo = textOf(properties.replyTo, message, metadataHeaders.replyTo);
    this.correlationId = textOf(properties.correlationId, message, metadataHeaders.correlationId);
    // A classic queue only tells that there was a delivery before.
    this.redeliveries = countIn(properties, "x-delivery-count");
  }

  get lane(): undefined {
    return undefined;
  }

  get position(): string | undefined {
    return positionOf(this.native, this.#retained);
  }
}

/** What a channel has delivered and not settled, in the order of its tags; any of it can be taken out at once. */
export class Unsettled {
  #first: AmqpDelivery | undefined;
  #last: AmqpDelivery | undefined;

  get first(): AmqpDelivery | undefined {
    return this.#first;
  }

  add(delivery: AmqpDelivery): void {
    delivery.previous = this.#last;
    if (this.#last === undefined) this.#first = delivery;
    else this.#last.next = delivery;
    this.#last = delivery;
  }

  remove(delivery: AmqpDelivery): void {
    const { previous, next } = delivery;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    delivery.owner = undefined;
    delivery.previous = undefined;
    delivery.next = undefined;
  }

  clear(): void {
    while (this.#first !== undefined) this.remove(this.#first);
  }
}
