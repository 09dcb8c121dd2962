import { MessagingError, metadataHeaders, type WireMessage } from "@waybill/core/spi";
import { PubsubDelivery } from "./delivery.ts";
import {
  type Attributes,
  isPacked,
  mostHeaders,
  packedName,
  readPacked,
  writeHeaders,
} from "./header-packing.ts";
import type { PubsubMessage, PulledMessage } from "./service.ts";

/** Attributes of this adapter's own. */
export const ownAttributes = {
  /** Not to be delivered for so many milliseconds after the service took it. */
  delay: "waybill-delay",
  /** On the shared topic of replies: this and the inbox it is for, as a name, so that filters can tell. */
  inbox: "waybill-inbox.",
} as const;

/**
 * A message as Pub/Sub carries it: the body as data, headers as attributes, the key
 * as ordering key, and the rest as attributes under the names in `metadataHeaders`.
 * @throws MessagingError `INVALID_HEADER`
 */
export function encode(message: WireMessage, inbox: string | undefined): PubsubMessage {
  const { key, expiresAt, replyTo, correlationId, delayMs, contentType } = message;
  const attributes: Attributes = {
    [metadataHeaders.id]: fitting(message.id, "id"),
    [metadataHeaders.timestamp]: String(message.timestamp),
  };
  if (contentType !== "") attributes[metadataHeaders.contentType] = fitting(contentType, "content type");
  if (expiresAt !== undefined) attributes[metadataHeaders.expiresAt] = String(expiresAt);
  if (replyTo !== undefined) attributes[metadataHeaders.replyTo] = replyTo;
  if (correlationId !== undefined)
    attributes[metadataHeaders.correlationId] = fitting(correlationId, "correlation id");
  if (delayMs > 0) attributes[ownAttributes.delay] = String(delayMs);
  if (inbox !== undefined) attributes[ownAttributes.inbox + inbox] = "1";
  if (!writeHeaders(attributes, message.headers)) throw tooManyHeaders(Object.keys(message.headers).length);
  return key === undefined
    ? { data: message.body, attributes }
    : { data: message.body, attributes, orderingKey: key };
}

/** Takes whatever is there and never throws. */
export function decode(received: PulledMessage, subscription: string): PubsubDelivery {
  const delivery = new PubsubDelivery(received);
  delivery.subscription = subscription;
  const { message } = received;
  if (message == null) return delivery;
  const storedAt = milliseconds(message.publishTime);
  if (message.data instanceof Uint8Array) delivery.body = message.data;
  if (message.orderingKey) delivery.key = message.orderingKey;
  const attributes = message.attributes ?? {};
  let headers: Attributes | undefined;
  for (const name in attributes) {
    const value = attributes[name] as string;
    if (readMetadata(delivery, name, value, storedAt) || isPacked(name)) continue;
    headers ??= Object.create(null) as Attributes;
    headers[name] = value;
  }
  if (attributes[packedName] !== undefined) {
    headers ??= Object.create(null) as Attributes;
    readPacked(attributes, headers);
  }
  if (headers !== undefined) delivery.headers = headers;
  if (delivery.id === "") delivery.id = message.messageId ?? "";
  if (delivery.timestamp === 0) delivery.timestamp = storedAt;
  return delivery;
}

/** The same message again, to wait for the rest of its delay elsewhere. What a stranger left out is written down. */
export function delayed(delivery: PubsubDelivery, delayMs: number): PubsubMessage {
  const { message } = delivery.native;
  return {
    data: delivery.body,
    attributes: {
      ...message?.attributes,
      [metadataHeaders.id]: delivery.id,
      [metadataHeaders.timestamp]: String(delivery.timestamp),
      [ownAttributes.delay]: String(Math.max(1, Math.ceil(delayMs))),
    },
    ...(delivery.key === undefined ? {} : { orderingKey: delivery.key }),
  };
}

/** Puts a metadata attribute where it belongs; `false`: it is a header. */
function readMetadata(delivery: PubsubDelivery, name: string, value: string, storedAt: number): boolean {
  switch (name) {
    case metadataHeaders.id:
      delivery.id = value;
      return true;
    case metadataHeaders.contentType:
      delivery.contentType = value;
      return true;
    case metadataHeaders.timestamp:
      delivery.timestamp = wholeNumber(value) ?? delivery.timestamp;
      return true;
    case metadataHeaders.expiresAt:
      delivery.expiresAt = wholeNumber(value);
      return true;
    case metadataHeaders.replyTo:
      delivery.replyTo = value;
      return true;
    case metadataHeaders.correlationId:
      delivery.correlationId = value;
      return true;
    case ownAttributes.delay:
      delivery.dueAt = storedAt + (wholeNumber(value) ?? 0);
      return true;
    default:
      if (!name.startsWith(ownAttributes.inbox)) return false;
      delivery.inbox = name.slice(ownAttributes.inbox.length);
      return true;
  }
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function milliseconds(time: NonNullable<PulledMessage["message"]>["publishTime"]): number {
  const found = Number(time?.seconds ?? 0) * 1_000 + Math.floor(Number(time?.nanos ?? 0) / 1_000_000);
  return Number.isSafeInteger(found) ? found : 0;
}

/** An attribute's value has at most 1024 bytes. */
function fitting(text: string, what: string): string {
  if (text.length * 3 <= 1_024 || Buffer.byteLength(text) <= 1_024) return text;
  throw new MessagingError("INVALID_ARGUMENT", `The ${what} of a message is longer than 1024 bytes.`, {
    remedy: "Pub/Sub carries it as an attribute. Shorten it.",
    details: { what, limit: 1_024 },
  });
}

function tooManyHeaders(count: number): MessagingError {
  return new MessagingError(
    "INVALID_HEADER",
    `A message has ${count} headers, more than the 100 attributes of a Pub/Sub message can carry.`,
    {
      remedy: `Put what belongs together in one header, or in the body. Up to ${mostHeaders} are packed.`,
      details: { count, limit: mostHeaders },
    },
  );
}
