import { isUtf8 } from "node:buffer";
import type { Headers, ReceivedMessage, WireMessage } from "@waybill/core/spi";
import { keyOf, keyTooHard } from "./client/message-group.ts";

/**
 * How a message lies in SQS and SNS. The body is the text itself where SQS can carry
 * it, else base64, and then the attribute `content-transfer-encoding` says so. Headers
 * are attributes of type String. SQS takes ten attributes in all, so that Waybill's
 * metadata share one, `waybill`, a JSON object; headers that find no place, or that no
 * attribute can hold, share another, `waybill-headers`, of the same kind.
 *
 * No attribute has a quote or a backslash in it: SNS would silently keep the message from
 * every subscription with a filter policy, whatever that asks for. "The value must be a
 * valid JSON string", https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
 */
export const attribute = {
  metadata: "waybill",
  headers: "waybill-headers",
  contentType: "content-type",
  encoding: "content-transfer-encoding",
} as const;

const own = new Set<string>(Object.values(attribute));

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html */
const mostAttributes = 10;

/** What a forged count may not exceed. */
const mostRedeliveries = 1_000_000;

/** A message attribute of SNS or SQS that holds text. */
export interface StringAttribute {
  readonly DataType: "String";
  readonly StringValue: string;
}

/** An attribute as SQS hands it out. */
export interface NativeAttribute {
  readonly DataType: string | undefined;
  readonly StringValue?: string | undefined;
  readonly BinaryValue?: Uint8Array | undefined;
}

/** What is read of a message as SQS hands it out. */
export interface NativeMessage {
  readonly MessageId?: string | undefined;
  readonly Body?: string | undefined;
  /** The system's own: `SentTimestamp`, `ApproximateFirstReceiveTimestamp`, `ApproximateReceiveCount`, `MessageGroupId`. */
  readonly Attributes?: { readonly [name: string]: string | undefined } | undefined;
  readonly MessageAttributes?: Readonly<Record<string, NativeAttribute>> | undefined;
}

/** A message that came, in Waybill's terms. */
export interface Decoded extends Omit<ReceivedMessage, "native" | "partition" | "position"> {
  /** Not to be handled for so long from when SQS stored it, in milliseconds. */
  readonly waitMs: number | undefined;
  /** Of its redeliveries, those before this copy of it was made. */
  readonly carried: number;
}

/** A message as both services take it. */
export interface Encoded {
  readonly body: string;
  readonly attributes: Record<string, StringAttribute>;
  /** What it counts towards AWS's limits: body, and names, types and values of attributes. */
  readonly bytes: number;
}

/** @param waitMs How long after SQS has stored it it may be handled, where SQS's own delay is not enough. */
export function encode(message: WireMessage, waitMs: number | undefined): Encoded {
  const plain = plainText(message.body);
  const attributes: Record<string, StringAttribute> = Object.create(null);
  const metadata: Record<string, unknown> = { id: message.id, timestamp: message.timestamp };
  let room = mostAttributes - 1;
  if (plain === undefined) {
    attributes[attribute.encoding] = stringAttribute("base64");
    room--;
  }
  if (message.contentType !== "") {
    if (isPlainValue(message.contentType)) {
      attributes[attribute.contentType] = stringAttribute(message.contentType);
      room--;
    } else metadata.contentType = message.contentType;
  }
  if (message.key !== undefined && keyTooHard(message.key)) metadata.key = message.key;
  if (message.expiresAt !== undefined) metadata.expiresAt = message.expiresAt;
  if (message.replyTo !== undefined) metadata.replyTo = message.replyTo;
  if (message.correlationId !== undefined) metadata.correlationId = message.correlationId;
  if (waitMs !== undefined) metadata.wait = Math.ceil(waitMs);

  attachHeaders(message.headers, attributes, room);
  attributes[attribute.metadata] = stringAttribute(json(metadata));
  const body = plain ?? base64(message.body);
  return { body, attributes, bytes: sizeOf(body, attributes) };
}

/** Headers as attributes; what finds no place goes into one together. */
function attachHeaders(headers: Headers, attributes: Record<string, StringAttribute>, room: number): void {
  const names = Object.keys(headers);
  const fit = names.filter((name) => isPlainName(name) && isPlainValue(headers[name] as string));
  const alone = new Set(fit.length === names.length && fit.length <= room ? fit : fit.slice(0, room - 1));
  let packed: Record<string, string> | undefined;
  for (const name of names) {
    const value = headers[name] as string;
    if (alone.has(name)) attributes[name] = stringAttribute(value);
    else {
      packed ??= Object.create(null) as Record<string, string>;
      packed[name] = value;
    }
  }
  if (packed !== undefined) attributes[attribute.headers] = stringAttribute(json(packed));
}

/** Reads a message of ours or of anybody. Never throws, whatever is in it. */
export function decode(message: NativeMessage, ordered: boolean): Decoded {
  const headers: Record<string, string> = Object.create(null);
  let written: Record<string, unknown> = {};
  let packed: Record<string, unknown> = {};
  let contentType: string | undefined;
  let encoded = false;
  const attributes = message.MessageAttributes;
  for (const name in attributes) {
    const { StringValue, BinaryValue } = attributes[name] ?? {};
    const value = StringValue ?? (BinaryValue === undefined ? "" : base64(BinaryValue));
    const object = name === attribute.metadata || name === attribute.headers ? parsed(value) : undefined;
    if (object !== undefined && name === attribute.metadata) written = object;
    else if (object !== undefined) packed = object;
    else if (name === attribute.contentType) contentType = value;
    else if (name === attribute.encoding && value.toLowerCase() === "base64") encoded = true;
    else headers[name] = value;
  }
  for (const [name, value] of Object.entries(packed)) if (typeof value === "string") headers[name] = value;
  const text = message.Body ?? "";
  const bytes = encoded ? fromBase64(text) : undefined;
  if (encoded && bytes === undefined) headers[attribute.encoding] = "base64";
  const carried = Math.min(time(written.redeliveries) ?? 0, mostRedeliveries);
  const receipts = wholeNumber(message.Attributes?.ApproximateReceiveCount) ?? 1;
  return {
    id: nonEmpty(written.id) ?? message.MessageId ?? "",
    body: bytes ?? Buffer.from(text),
    contentType: contentType ?? nonEmpty(written.contentType) ?? "",
    key: ordered ? (nonEmpty(written.key) ?? keyOf(message.Attributes?.MessageGroupId)) : undefined,
    timestamp: time(written.timestamp) ?? wholeNumber(message.Attributes?.SentTimestamp) ?? Date.now(),
    headers,
    expiresAt: time(written.expiresAt),
    replyTo: nonEmpty(written.replyTo),
    correlationId: nonEmpty(written.correlationId),
    redeliveries: carried + Math.max(0, receipts - 1),
    waitMs: time(written.wait),
    carried,
  };
}

/**
 * The attributes of a copy that is put back into its queue: what it carried, and with
 * it whatever SQS would forget with the original. `undefined` where a external message
 * has no place left for that.
 */
export function attributesOfCopy(
  native: NativeMessage,
  { id, timestamp }: Pick<Decoded, "id" | "timestamp">,
  redeliveries: number,
  waitMs: number | undefined,
): Record<string, NativeAttribute> | undefined {
  const attributes = { ...native.MessageAttributes };
  const written = attributes[attribute.metadata]?.StringValue;
  if (written === undefined && Object.keys(attributes).length >= mostAttributes) return undefined;
  const { wait: _, ...rest } = parsed(written ?? "") ?? {};
  const metadata = {
    id,
    timestamp,
    ...rest,
    redeliveries,
    ...(waitMs === undefined ? {} : { wait: Math.ceil(waitMs) }),
  };
  attributes[attribute.metadata] = stringAttribute(json(metadata));
  return attributes;
}

function stringAttribute(value: string): StringAttribute {
  return { DataType: "String", StringValue: value };
}

/** These bytes as SQS takes them: not empty, UTF-8, and nothing that XML 1.0 has no character for. */
function plainText(body: Uint8Array): string | undefined {
  if (body.byteLength === 0 || !isUtf8(body)) return undefined;
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  return unprintable.test(text) ? undefined : text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what SQS refuses
const unprintable = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: attributes are one line of text
const unfitValue = /[\0-\x1f"\\\x7f\ufffe\uffff]/;

/** Whether SNS and SQS carry this text unchanged as the value of an attribute. */
export function isPlainValue(value: string): boolean {
  return value !== "" && !unfitValue.test(value) && value.isWellFormed() && value.trim() === value;
}

/** Letters, digits, `_`, `-` and `.`, no dot at an end or next to another, and neither AWS's own nor ours. */
export function isPlainName(name: string): boolean {
  // A name that objects have of their own does not survive the SDK.
  if (name in Object.prototype || name.length > 256 || own.has(name) || name.startsWith("waybill-"))
    return false;
  return /^[\w-]+(?:\.[\w-]+)*$/.test(name) && !/^(?:aws|amazon)\./i.test(name);
}

/** JSON with percent-encoding for its quotes and backslashes, and for the characters that SQS does not take. */
function json(value: unknown): string {
  return JSON.stringify(value).replace(/["%\\\ufffe\uffff]/g, encodeURIComponent);
}

function base64(bytes: Uint8Array): string {
  // SQS takes no empty body, and "=" is base64 for nothing.
  if (bytes.byteLength === 0) return "=";
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** `undefined` for what is not whole base64. */
function fromBase64(text: string): Uint8Array | undefined {
  const digits = text.replace(/[=\r\n]/g, "");
  const bytes = Buffer.from(digits, "base64");
  return bytes.byteLength === Math.floor((digits.length * 3) / 4) && digits.length % 4 !== 1
    ? bytes
    : undefined;
}

function sizeOf(body: string, attributes: Readonly<Record<string, StringAttribute>>): number {
  let bytes = Buffer.byteLength(body);
  for (const name in attributes) {
    bytes +=
      name.length + "String".length + Buffer.byteLength((attributes[name] as StringAttribute).StringValue);
  }
  return bytes;
}

/** What `json` wrote, or plain JSON. */
function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.includes('"') ? text : decodeURIComponent(text));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = Number(text);
  return text !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

function time(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
