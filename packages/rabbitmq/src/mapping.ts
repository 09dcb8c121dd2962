import { type Headers, metadataHeaders, type WireMessage } from "@waybill/core/spi";

/** The properties of a message that came in, as an AMQP 0-9-1 client gives them. Nothing in them is to be trusted. */
export interface IncomingProperties {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly messageId?: unknown;
  readonly contentType?: unknown;
  readonly timestamp?: unknown;
  readonly replyTo?: unknown;
  readonly correlationId?: unknown;
}

/** As much of an incoming message as the mapping reads. */
export interface IncomingMessage {
  readonly properties: IncomingProperties;
}

/** The properties of a message on its way out. What is undefined is left out of the frame. */
export interface OutgoingProperties {
  readonly persistent: true;
  readonly mandatory: true;
  readonly headers: Record<string, string>;
  /** In whole seconds, as AMQP has it. */
  readonly timestamp: number;
  readonly messageId: string | undefined;
  readonly contentType: string | undefined;
  readonly replyTo: string | undefined;
  readonly correlationId: string | undefined;
}

/** AMQP properties other than headers are short strings: at most 255 bytes of UTF-8. */
const longestShort = 255;

/** Carries a header whose own name RabbitMQ or amqplib would not leave alone. */
const escaped = "waybill-header-";

/**
 * On a message that a closing consumer handed back as a copy: how often it had been
 * delivered before, to handlers. What the broker counts begins anew with a copy.
 */
export const handedBackHeader = "waybill-redeliveries";

/** A content type too long for its property; `content-type` itself may be a header of the sender's. */
const longContentType = `${escaped}${metadataHeaders.contentType}`;

/**
 * Header names with a meaning of their own. `CC` and `BCC` make RabbitMQ route to
 * more queues (sender-selected distribution), the `x-` ones it writes itself, and
 * `__proto__` is lost when amqplib decodes into a plain object.
 */
const special = new Set([
  "CC",
  "BCC",
  "__proto__",
  "x-death",
  "x-first-death-exchange",
  "x-first-death-queue",
  "x-first-death-reason",
  "x-last-death-exchange",
  "x-last-death-queue",
  "x-last-death-reason",
  "x-delivery-count",
  "x-acquired-count",
  "x-stream-offset",
]);

/** What is not a header of the sender's: the broker's, and metadata that a delivery has as fields. */
const notTheSenders = new Set<string>([
  ...special,
  metadataHeaders.id,
  metadataHeaders.key,
  metadataHeaders.timestamp,
  metadataHeaders.expiresAt,
  metadataHeaders.replyTo,
  metadataHeaders.correlationId,
  longContentType,
  handedBackHeader,
]);

/** The properties to publish a message with. */
export function toProperties(message: WireMessage): OutgoingProperties {
  const { id, contentType, key, timestamp, expiresAt, replyTo, correlationId } = message;
  // AMQP timestamps are whole seconds: other readers get those, ours the header.
  const headers: Record<string, string> = { [metadataHeaders.timestamp]: String(timestamp) };
  if (key !== undefined) headers[metadataHeaders.key] = key;
  if (expiresAt !== undefined) headers[metadataHeaders.expiresAt] = String(expiresAt);
  const from = message.headers;
  for (const name in from) headers[toHeaderName(name)] = from[name] as string;
  return {
    persistent: true,
    mandatory: true,
    headers,
    timestamp: Math.floor(timestamp / 1000),
    messageId: short(id, headers, metadataHeaders.id),
    contentType: contentType === "" ? undefined : short(contentType, headers, longContentType),
    replyTo: short(replyTo, headers, metadataHeaders.replyTo),
    correlationId: short(correlationId, headers, metadataHeaders.correlationId),
  };
}

/** The text if AMQP has room for it as a property; if not, it goes into a header. */
function short(
  text: string | undefined,
  headers: Record<string, string>,
  header: string,
): string | undefined {
  if (text === undefined || fits(text)) return text;
  headers[header] = text;
  return undefined;
}

/** The first header whose name is longer than AMQP allows. */
export function tooLongName(headers: Headers): string | undefined {
  for (const name in headers) if (!fits(toHeaderName(name))) return name;
  return undefined;
}

function toHeaderName(name: string): string {
  return special.has(name) || name.startsWith(escaped) ? escaped + name : name;
}

function fits(text: string): boolean {
  // A UTF-16 unit is three bytes of UTF-8 at most, so most need not be measured.
  return text.length <= 85 || (text.length <= longestShort && Buffer.byteLength(text) <= longestShort);
}

/** amqplib takes Buffers only; this one shares the bytes. */
export function toContent(body: Uint8Array): Buffer {
  return Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
}

const noHeaders: Headers = Object.freeze(Object.create(null));

/** The headers as the sender set them, from whatever is on the wire. */
export function fromHeaders(table: Readonly<Record<string, unknown>> | undefined): Headers {
  let headers: Record<string, string> | undefined;
  for (const name in table) {
    if (notTheSenders.has(name)) continue;
    const value = table[name];
    headers ??= Object.create(null) as Record<string, string>;
    headers[name.startsWith(escaped) ? name.slice(escaped.length) : name] =
      typeof value === "string" ? value : toText(value);
  }
  return headers ?? noHeaders;
}

/** AMQP tables have types; a header is a string here. */
export function toText(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return "";
  if (Buffer.isBuffer(value)) return value.toString("utf8");
  if (typeof value !== "object") return String(value);
  try {
    // amqplib's form for what JavaScript has no type for.
    const { "!": type, value: inner } = value as { readonly "!"?: unknown; readonly value?: unknown };
    if (type === "timestamp") return String(inner);
    if (type === "decimal") {
      const { digits, places: scale } = inner as { readonly digits: number; readonly places: number };
      return (digits / 10 ** scale).toFixed(Math.min(scale, 100));
    }
    return JSON.stringify(value) ?? "";
  } catch {
    // A table that only looks like one of these.
    return "";
  }
}

/** A string property or, failing that, the metadata header used in its absence. */
export function textOf(property: unknown, message: IncomingMessage, header: string): string | undefined {
  if (typeof property === "string") return property;
  const value = message.properties.headers?.[header];
  return typeof value === "string" ? value : undefined;
}

/** Its content type; empty where its producer gave none. */
export function contentTypeOf(message: IncomingMessage): string {
  return textOf(message.properties.contentType, message, `${escaped}${metadataHeaders.contentType}`) ?? "";
}

const latestTime = 8_640_000_000_000_000;

/** When it was published; of an external message without a timestamp nobody knows. */
export function timestampOf(properties: IncomingProperties): number | undefined {
  const exact = timeIn(properties.headers?.[metadataHeaders.timestamp]);
  if (exact !== undefined) return exact;
  const { timestamp } = properties;
  if (typeof timestamp !== "number" || !(timestamp >= 0)) return undefined;
  // Seconds, says AMQP; some producers write milliseconds, which as seconds would be after the year 5000.
  const ms = timestamp < 100_000_000_000 ? timestamp * 1000 : timestamp;
  return ms <= latestTime ? ms : undefined;
}

/** Milliseconds since the epoch as a header has them; `undefined` for anything else. */
export function timeIn(header: unknown): number | undefined {
  if (typeof header !== "string" || !/^\d{1,16}$/.test(header)) return undefined;
  const ms = Number(header);
  return ms <= latestTime ? ms : undefined;
}

/** A count that the broker keeps in a header. */
export function countIn(properties: IncomingProperties, header: string): number {
  const value = properties.headers?.[header];
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}
