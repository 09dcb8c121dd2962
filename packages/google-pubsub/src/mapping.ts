import {
  type Headers,
  MessagingError,
  metadataHeaders,
  type ReceivedMessage,
  type WireMessage,
} from "@waybill/core/spi";
import {
  type Attributes,
  isPacked,
  mostHeaders,
  packedName,
  readPacked,
  writeHeaders,
} from "./client/header-packing.ts";

/** A message as the service takes it. */
export interface PubsubMessage {
  readonly data: Uint8Array;
  readonly attributes: Record<string, string>;
  readonly orderingKey?: string;
}

/** What is read of a message as the service hands it out: by a pull, or pushed to an endpoint. */
export interface NativeMessage {
  readonly data?: unknown;
  readonly attributes?: Readonly<Record<string, string>> | null | undefined;
  readonly messageId?: string | null | undefined;
  /** Seconds and nanoseconds since the epoch. */
  readonly publishTime?: { readonly seconds?: unknown; readonly nanos?: unknown } | null | undefined;
  readonly orderingKey?: string | null | undefined;
}

/** A message that came, in Waybill's terms. */
export interface Decoded extends Omit<ReceivedMessage, "native" | "partition" | "position"> {
  /** When the service stored it, by its clock, milliseconds since the epoch; 0 where it does not say. */
  readonly storedAt: number;
  /** When it is due, by the service's clock, milliseconds since the epoch; 0: at once. */
  readonly dueAt: number;
  /** The inbox it is for. */
  readonly inbox: string | undefined;
}

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
export function decode(message: NativeMessage | null | undefined): Decoded {
  const decoded = nothing();
  if (message == null) return decoded;
  const storedAt = milliseconds(message.publishTime);
  decoded.storedAt = storedAt;
  if (message.data instanceof Uint8Array) decoded.body = message.data;
  if (message.orderingKey) decoded.key = message.orderingKey;
  const attributes = message.attributes ?? {};
  let headers: Attributes | undefined;
  for (const name in attributes) {
    const value = attributes[name] as string;
    if (readMetadata(decoded, name, value, storedAt) || isPacked(name)) continue;
    headers ??= Object.create(null) as Attributes;
    headers[name] = value;
  }
  if (attributes[packedName] !== undefined) {
    headers ??= Object.create(null) as Attributes;
    readPacked(attributes, headers);
  }
  if (headers !== undefined) decoded.headers = headers;
  if (decoded.id === "") decoded.id = message.messageId ?? "";
  if (decoded.timestamp === unknownTime) decoded.timestamp = storedAt;
  return decoded;
}

const empty = new Uint8Array(0);
/** Until a message says when it was published: 0 is a time like any other. */
const unknownTime = -1;
const noHeaders: Headers = Object.freeze(Object.create(null) as Record<string, string>);

type Filling = { -readonly [Field in keyof Decoded]: Decoded[Field] };

function nothing(): Filling {
  return {
    id: "",
    body: empty,
    contentType: "",
    key: undefined,
    timestamp: unknownTime,
    headers: noHeaders,
    expiresAt: undefined,
    replyTo: undefined,
    correlationId: undefined,
    // What the service counts includes what was handed back untried, so it is not taken for attempts.
    redeliveries: 0,
    storedAt: 0,
    dueAt: 0,
    inbox: undefined,
  };
}

/** The same message again, to wait for the rest of its delay elsewhere. What an external producer left out is written down. */
export function delayed(
  message: NativeMessage | null | undefined,
  delivery: Pick<Decoded, "id" | "timestamp" | "body" | "key">,
  delayMs: number,
): PubsubMessage {
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
function readMetadata(delivery: Filling, name: string, value: string, storedAt: number): boolean {
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
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

function milliseconds(time: NativeMessage["publishTime"]): number {
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
