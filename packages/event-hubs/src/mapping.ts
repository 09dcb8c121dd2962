import { type Headers, metadataHeaders, type ReceivedMessage, type WireMessage } from "@waybill/core/spi";

/**
 * An AMQP 1.0 message, its sections and properties under the names of the standard
 * (http://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html).
 */
export interface AmqpMessage {
  readonly message_id?: unknown;
  readonly correlation_id?: unknown;
  readonly content_type?: unknown;
  /** Milliseconds since the epoch, or a date. */
  readonly creation_time?: unknown;
  /** Milliseconds since the epoch, or a date. */
  readonly absolute_expiry_time?: unknown;
  readonly reply_to?: unknown;
  readonly message_annotations?: Readonly<Record<string, unknown>>;
  readonly application_properties?: Readonly<Record<string, unknown>>;
  /** On its way out: bytes. As received: bytes, or a section with its `typecode` and `content`. */
  readonly body?: unknown;
}

/** What an AMQP message says of its message. */
export type MessageFields = Omit<ReceivedMessage, "redeliveries" | "partition" | "position" | "native">;

/** Application properties of this adapter's own. */
export const ownProperties = {
  /** The one group, queue or inbox that a message is for, where others read the same hub. */
  mark: "waybill-eh-for",
  /** How long it waits, from when it entered its tier on, in milliseconds. */
  wait: "waybill-eh-wait",
  /** The hub to deliver to; only while it waits. */
  to: "waybill-eh-to",
  /** The header "__proto__", which rhea loses when it decodes. */
  proto: "waybill-eh-proto",
  /** For how long its destination will have been missing at every try, once its wait is over; in milliseconds. */
  missing: "waybill-eh-missing",
} as const;

/** The message annotations that the service writes and reads. */
export const annotations = {
  key: "x-opt-partition-key",
  sequenceNumber: "x-opt-sequence-number",
  offset: "x-opt-offset",
  enqueuedTime: "x-opt-enqueued-time",
} as const;

const protoHeader = "__proto__";

/** AMQP symbols are ASCII. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
const ascii = /^[\x00-\x7f]*$/;

/** Metadata has native places in AMQP; what is ours alone (`own`) is a property. */
export function toAmqpMessage(
  message: WireMessage,
  own: Readonly<Record<string, string>> | undefined,
): AmqpMessage {
  const properties: Record<string, string> = { ...message.headers, ...own };
  if (Object.hasOwn(properties, protoHeader)) {
    properties[ownProperties.proto] = properties[protoHeader] as string;
    delete properties[protoHeader];
  }
  // The annotation is the native place, but the service may set it for a batch as a whole.
  if (message.key !== undefined) properties[metadataHeaders.key] = message.key;
  const isSymbol = ascii.test(message.contentType);
  if (!isSymbol) properties[metadataHeaders.contentType] = message.contentType;
  return {
    message_id: message.id,
    creation_time: message.timestamp,
    ...(message.contentType !== "" && isSymbol ? { content_type: message.contentType } : {}),
    ...(message.expiresAt === undefined ? {} : { absolute_expiry_time: message.expiresAt }),
    ...(message.replyTo === undefined ? {} : { reply_to: message.replyTo }),
    ...(message.correlationId === undefined ? {} : { correlation_id: message.correlationId }),
    ...(message.key === undefined ? {} : { message_annotations: { [annotations.key]: message.key } }),
    application_properties: properties,
    body: message.body,
  };
}

/**
 * The message that an AMQP message brings, also one of an external producer.
 * @param partitionId `<hub>-<partition>`, from which a message without an id gets one.
 */
export function fromAmqpMessage(message: AmqpMessage, partitionId: string): MessageFields {
  const headers: Record<string, string> = Object.create(null);
  let contentType = text(message.content_type) ?? "";
  let key: unknown = message.message_annotations?.[annotations.key];
  const properties: Readonly<Record<string, unknown>> = message.application_properties ?? {};
  for (const name in properties) {
    const value = properties[name];
    if (name === ownProperties.mark) continue;
    if (name === metadataHeaders.key) key = value;
    else if (name === metadataHeaders.contentType && contentType === "") contentType = headerText(value);
    else headers[name === ownProperties.proto ? protoHeader : name] = headerText(value);
  }
  return {
    id: identifier(message.message_id) || `${partitionId}-${sequenceNumberOf(message)}`,
    body: bodyOf(message.body),
    contentType,
    key: typeof key === "string" ? key : undefined,
    timestamp: time(message.creation_time) ?? enqueuedAtOf(message),
    headers: headers as Headers,
    expiresAt: time(message.absolute_expiry_time),
    replyTo: text(message.reply_to),
    correlationId: identifier(message.correlation_id),
  };
}

/** The mark of a message as received; `undefined` where it is for all. */
export function markOf(message: AmqpMessage): string | undefined {
  const mark = message.application_properties?.[ownProperties.mark];
  return typeof mark === "string" ? mark : undefined;
}

/** Its number in its partition, one more than that of the message before; NaN where the service does not say. */
export function sequenceNumberOf(message: AmqpMessage): number {
  return Number(message.message_annotations?.[annotations.sequenceNumber]);
}

/** Where it is in its partition, as the service takes it to begin from; `-1`, the beginning, where it does not say. */
export function offsetOf(message: AmqpMessage): string {
  return String(message.message_annotations?.[annotations.offset] ?? "-1");
}

/** When the service stored it, milliseconds since the epoch; 0 where it does not say. */
export function enqueuedAtOf(message: AmqpMessage): number {
  return time(message.message_annotations?.[annotations.enqueuedTime]) ?? 0;
}

/** What a received message takes in memory: its body, and its properties with their names. */
export function bytesOf(message: AmqpMessage): number {
  let bytes = bodyOf(message.body).length;
  const properties: Readonly<Record<string, unknown>> = message.application_properties ?? {};
  for (const name in properties) {
    const value = properties[name];
    bytes += Buffer.byteLength(name) + Buffer.byteLength(headerText(value));
  }
  return bytes;
}

const noBody = new Uint8Array(0);
const dataSection = 0x75;
const sequenceSection = 0x76;

/** Data sections are bytes; what other producers put into a value or a sequence is shown as JSON. */
function bodyOf(body: unknown): Uint8Array {
  if (body === undefined || body === null) return noBody;
  const section = body as { typecode?: unknown; content?: unknown };
  if (section.typecode === dataSection) {
    if (Buffer.isBuffer(section.content)) return section.content;
    if (Array.isArray(section.content)) return Buffer.concat(section.content.filter(Buffer.isBuffer));
    return noBody;
  }
  if (body instanceof Uint8Array) return body;
  const value = section.typecode === sequenceSection ? section.content : body;
  return Buffer.from(typeof value === "string" ? value : headerText(value));
}

function headerText(value: unknown): string {
  if (typeof value === "string") return value;
  // A timestamp may be one that no calendar has.
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "" : value.toISOString();
  if (Buffer.isBuffer(value)) return value.toString();
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** AMQP allows strings, numbers, UUIDs and bytes. */
function identifier(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  if (Buffer.isBuffer(value)) return value.toString("hex");
  return typeof value === "number" ? String(value) : undefined;
}

function time(value: unknown): number | undefined {
  const ms = value instanceof Date ? value.getTime() : typeof value === "number" ? value : Number.NaN;
  return Number.isSafeInteger(ms) && ms >= 0 ? ms : undefined;
}

/** Where a message is: exact in its partition, and by time for the others. */
export interface Position {
  readonly partition: string;
  readonly sequenceNumber: number;
  readonly enqueuedAt: number;
}

/** A position as `start: { position }` takes it. */
export function formatPosition({ partition, sequenceNumber, enqueuedAt }: Position): string {
  return `${partition}:${sequenceNumber}:${enqueuedAt}`;
}

/** What `formatPosition` made; `undefined` for any other text. */
export function parsePosition(position: string): Position | undefined {
  const parts = /^(\d{1,9}):(\d{1,16}):(\d{1,16})$/.exec(position);
  if (parts === null) return undefined;
  return { partition: parts[1] as string, sequenceNumber: Number(parts[2]), enqueuedAt: Number(parts[3]) };
}
