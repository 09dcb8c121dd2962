import { type Headers, metadataHeaders, type ReceivedMessage, type WireMessage } from "@waybill/core/spi";
import rhea, { type Message } from "rhea";
import type { Lane } from "./reading/lane.ts";

const { message: amqp } = rhea;

/** Application properties of this adapter's own. */
export const ownProperties = {
  /** The one place that a message is for, where others read the same hub. */
  mark: "waybill-eh-for",
  /** When to deliver, milliseconds since the epoch; only while it waits. */
  due: "waybill-eh-due",
  /** The hub to deliver to; only while it waits. */
  to: "waybill-eh-to",
  /** The header "__proto__", which rhea loses when it decodes. */
  proto: "waybill-eh-proto",
  /** When to try again what could not be delivered when it was due. */
  again: "waybill-eh-again",
  /** Since when its destination has been missing at every try. */
  missing: "waybill-eh-missing",
} as const;

export const annotations = {
  key: "x-opt-partition-key",
  sequenceNumber: "x-opt-sequence-number",
  offset: "x-opt-offset",
  enqueuedTime: "x-opt-enqueued-time",
} as const;

const poisoned = "__proto__";

/** AMQP symbols are ASCII. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
const ascii = /^[\x00-\x7f]*$/;

/** A message as an AMQP message, encoded. Metadata has native places; what is ours alone is a property. */
export function encode(message: WireMessage, own: Readonly<Record<string, string>> | undefined): Buffer {
  const properties: Record<string, string> = { ...message.headers, ...own };
  if (Object.hasOwn(properties, poisoned)) {
    properties[ownProperties.proto] = properties[poisoned] as string;
    delete properties[poisoned];
  }
  // The annotation is the native place, but the service may set it for a batch as a whole.
  if (message.key !== undefined) properties[metadataHeaders.key] = message.key;
  const isSymbol = ascii.test(message.contentType);
  if (!isSymbol) properties[metadataHeaders.contentType] = message.contentType;
  return amqp.encode({
    message_id: message.id,
    creation_time: message.timestamp,
    ...(message.contentType !== "" && isSymbol ? { content_type: message.contentType } : {}),
    ...(message.expiresAt === undefined ? {} : { absolute_expiry_time: message.expiresAt }),
    ...(message.replyTo === undefined ? {} : { reply_to: message.replyTo }),
    ...(message.correlationId === undefined ? {} : { correlation_id: message.correlationId }),
    ...(message.key === undefined ? {} : { message_annotations: { [annotations.key]: message.key } }),
    application_properties: properties,
    body: amqp.data_section(
      Buffer.from(message.body.buffer, message.body.byteOffset, message.body.byteLength),
    ),
  });
}

/** Encoded messages as one batch for the service, to go where the key says. */
export function encodeBatch(messages: readonly Buffer[], key: string | undefined): Buffer {
  return amqp.encode({
    body: amqp.data_sections(messages),
    ...(key === undefined ? {} : { message_annotations: { [annotations.key]: key } }),
  });
}

/** What a batch takes beside its messages and, for each of them, the frame of its section. */
export const batchOverhead = 512;
export const sectionOverhead = 16;

/** The mark of a message as received; `undefined` where it is for all. */
export function markOf(message: Message): string | undefined {
  const mark: unknown = message.application_properties?.[ownProperties.mark];
  return typeof mark === "string" ? mark : undefined;
}

export function sequenceNumberOf(message: Message): number {
  return Number(message.message_annotations?.[annotations.sequenceNumber]);
}

export function offsetOf(message: Message): string {
  return String(message.message_annotations?.[annotations.offset] ?? "-1");
}

/** A message as core receives it. */
export class EventHubsDelivery implements ReceivedMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly key: string | undefined;
  readonly timestamp: number;
  readonly headers: Headers;
  readonly expiresAt: number | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
  /** The claim on the partition under which this came; once it has ended, so has the right to settle. */
  readonly from: Lane;
  readonly sequenceNumber: number;
  readonly #message: Message;

  constructor(from: Lane, message: Message) {
    const marks = message.message_annotations ?? {};
    this.#message = message;
    this.from = from;
    this.sequenceNumber = sequenceNumberOf(message);
    this.id = identifier(message.message_id) || `${from.id}-${this.sequenceNumber}`;
    this.body = bodyOf(message.body);
    this.timestamp = time(message.creation_time) ?? this.#enqueuedAt;
    this.expiresAt = time(message.absolute_expiry_time);
    this.replyTo = text(message.reply_to);
    this.correlationId = identifier(message.correlation_id);
    const headers: Record<string, string> = Object.create(null);
    let contentType = text(message.content_type) ?? "";
    let key: unknown = marks[annotations.key];
    const properties: Record<string, unknown> = message.application_properties ?? {};
    for (const name in properties) {
      const value = properties[name];
      if (name === ownProperties.mark) continue;
      if (name === metadataHeaders.key) key = value;
      else if (name === metadataHeaders.contentType && contentType === "") contentType = headerText(value);
      else headers[name === ownProperties.proto ? poisoned : name] = headerText(value);
    }
    this.key = typeof key === "string" ? key : undefined;
    this.headers = headers;
    this.contentType = contentType;
  }

  /** Event Hubs does not count deliveries. */
  get redeliveries(): number {
    return 0;
  }

  get partition(): string {
    return this.from.id;
  }

  get position(): string {
    const { partition } = this.from;
    return formatPosition({ partition, sequenceNumber: this.sequenceNumber, enqueuedAt: this.#enqueuedAt });
  }

  get offset(): string {
    return offsetOf(this.#message);
  }

  /** The message as the vendor client shows it (`ReceivedEventData`). */
  get native(): object {
    const message = this.#message;
    return {
      body: this.body,
      contentType: message.content_type,
      correlationId: message.correlation_id,
      messageId: message.message_id,
      properties: message.application_properties,
      enqueuedTimeUtc: new Date(this.#enqueuedAt),
      partitionKey: this.key ?? null,
      offset: this.offset,
      sequenceNumber: this.sequenceNumber,
      systemProperties: message.message_annotations,
    };
  }

  get #enqueuedAt(): number {
    return time(this.#message.message_annotations?.[annotations.enqueuedTime]) ?? 0;
  }
}

const noBody = new Uint8Array(0);

/** Data sections are bytes; what other producers put into a value or a sequence is shown as JSON. */
function bodyOf(body: unknown): Uint8Array {
  if (body === undefined || body === null) return noBody;
  const section = body as { typecode?: unknown; content?: unknown; multiple?: unknown };
  if (section.typecode === 0x75) {
    if (Buffer.isBuffer(section.content)) return section.content;
    if (Array.isArray(section.content)) return Buffer.concat(section.content.filter(Buffer.isBuffer));
    return noBody;
  }
  if (Buffer.isBuffer(body)) return body;
  const value = section.typecode === 0x76 ? section.content : body;
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

export function formatPosition({ partition, sequenceNumber, enqueuedAt }: Position): string {
  return `${partition}:${sequenceNumber}:${enqueuedAt}`;
}

export function parsePosition(position: string): Position | undefined {
  const parts = /^(\d{1,9}):(\d{1,16}):(\d{1,16})$/.exec(position);
  if (parts === null) return undefined;
  return { partition: parts[1] as string, sequenceNumber: Number(parts[2]), enqueuedAt: Number(parts[3]) };
}
