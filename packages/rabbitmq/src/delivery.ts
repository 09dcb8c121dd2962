import { type Headers, metadataHeaders, type ReceivedMessage } from "@waybill/core/spi";
import type { ConsumeMessage } from "amqplib";
import {
  contentTypeOf,
  countIn,
  fromHeaders,
  handedBackHeader,
  textOf,
  timeIn,
  timestampOf,
} from "./mapping.ts";
import { positionOf } from "./receiving/position.ts";

/**
 * A delivery, and its place in the list of what its channel has not settled. What
 * it says of itself is read from amqplib's message when it is asked for.
 */
export class RabbitmqDelivery implements ReceivedMessage {
  readonly native: ConsumeMessage;
  readonly body: Uint8Array;
  /** The channel's number for it; means nothing on another channel. */
  readonly tag: number;
  /** The consumer it belongs to, until it is settled or lost. */
  owner: object | undefined;
  previous: RabbitmqDelivery | undefined;
  next: RabbitmqDelivery | undefined;
  readonly #retained: boolean;
  #headers: Headers | undefined;
  #timestamp: number | undefined;
  /** Deliveries that the broker counted and no handler saw. */
  uncounted = 0;
  /** What an earlier member noted of it when it closed; `dueAt` by `performance.now`. */
  noted: { readonly redeliveries: number; readonly dueAt: number } | undefined;

  constructor(message: ConsumeMessage, owner: object, retained: boolean) {
    this.native = message;
    this.body = message.content;
    this.tag = message.fields.deliveryTag;
    this.owner = owner;
    this.previous = undefined;
    this.next = undefined;
    this.#retained = retained;
  }

  /** Nothing in a message without an id tells it from the next one; its number on this consumer does. */
  get id(): string {
    const { properties, fields } = this.native;
    return (
      textOf(properties.messageId, this.native, metadataHeaders.id) ??
      `${fields.consumerTag}:${fields.deliveryTag}`
    );
  }

  get contentType(): string {
    return contentTypeOf(this.native);
  }

  get key(): string | undefined {
    return textOf(undefined, this.native, metadataHeaders.key);
  }

  get timestamp(): number {
    this.#timestamp ??= timestampOf(this.native.properties) ?? Date.now();
    return this.#timestamp;
  }

  get headers(): Headers {
    this.#headers ??= fromHeaders(this.native.properties.headers);
    return this.#headers;
  }

  get expiresAt(): number | undefined {
    return timeIn(this.native.properties.headers?.[metadataHeaders.expiresAt]);
  }

  get replyTo(): string | undefined {
    return textOf(this.native.properties.replyTo, this.native, metadataHeaders.replyTo);
  }

  get correlationId(): string | undefined {
    return textOf(this.native.properties.correlationId, this.native, metadataHeaders.correlationId);
  }

  /** A quorum queue counts. A classic one only tells that there was a delivery before, which says too little. */
  get redeliveries(): number {
    if (this.noted !== undefined) return this.noted.redeliveries;
    const { properties } = this.native;
    const counted = countIn(properties, "x-delivery-count") - this.uncounted;
    return countIn(properties, handedBackHeader) + Math.max(0, counted);
  }

  get waitMs(): number {
    return this.noted === undefined ? 0 : Math.max(0, this.noted.dueAt - performance.now());
  }

  get partition(): undefined {
    return undefined;
  }

  get position(): string | undefined {
    return positionOf(this.native, this.#retained);
  }
}

/** What a channel has delivered and not settled, in the order of its tags; any of it can be taken out at once. */
export class UnsettledDeliveries {
  #first: RabbitmqDelivery | undefined;
  #last: RabbitmqDelivery | undefined;
  #size = 0;

  get first(): RabbitmqDelivery | undefined {
    return this.#first;
  }

  get size(): number {
    return this.#size;
  }

  /** All of them, in order. */
  get all(): readonly RabbitmqDelivery[] {
    const all: RabbitmqDelivery[] = [];
    for (let next = this.#first; next !== undefined; next = next.next) all.push(next);
    return all;
  }

  add(delivery: RabbitmqDelivery): void {
    delivery.previous = this.#last;
    if (this.#last === undefined) this.#first = delivery;
    else this.#last.next = delivery;
    this.#last = delivery;
    this.#size++;
  }

  remove(delivery: RabbitmqDelivery): void {
    const { previous, next } = delivery;
    this.#size--;
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
