import { metadataHeaders, type WireMessage } from "@waybill/core/spi";
import type { MessagePackWriter } from "./client/message-pack.ts";
import { noHeaders, RedisDelivery } from "./delivery.ts";
import { timeOf } from "./receiving/entry-id.ts";

/**
 * How a message lies in a stream entry: the body in a field of its own, headers
 * as fields under their own names, and `waybill` = `<timestamp> <id> <content type>`.
 * These three share a field because each field costs a reader about as much as
 * the whole entry does.
 */
const summaryField = "waybill";

/** Fields that the scripts write on what they move, and that are no headers. Known there by these names. */
export const movedFields = { redeliveries: "waybill-redeliveries", origin: "waybill-origin" } as const;

/** Before a header whose name would be taken for something else. */
const headerEscape = "header:";

/**
 * The most headers of an application's: Redis' Lua has 8,000 values on its stack, an entry
 * takes two for each header, and scripts need some of their own.
 */
export const mostHeaders = 2_000;
/** With those that core adds to what failed. */
export const mostHeadersInAll = mostHeaders + 200;

const summaryBytes = Buffer.from(summaryField);
const space = 0x20;
const dash = 0x2d;

/** Turns messages into stream entries and back. Decoding takes whatever is there and never throws. */
export class EntryMapping {
  readonly #bodyField: string;
  readonly #bodyBytes: Buffer;
  /** The last content type seen, as bytes and text: it is nearly always the same one. */
  #typeBytes: Buffer = Buffer.alloc(0);
  #type = "";

  constructor(bodyField: string) {
    this.#bodyField = bodyField;
    this.#bodyBytes = Buffer.from(bodyField);
  }

  /** Appends the fields of a message as one array. The caller has checked `mostHeadersInAll`. */
  encode(message: WireMessage, names: readonly string[], writer: MessagePackWriter): void {
    const { key, expiresAt, replyTo, correlationId, id } = message;
    const packable = isWord(id);
    const extra =
      (packable ? 0 : 1) +
      (key === undefined ? 0 : 1) +
      (expiresAt === undefined ? 0 : 1) +
      (replyTo === undefined ? 0 : 1) +
      (correlationId === undefined ? 0 : 1);
    writer.array(2 * (2 + extra + names.length));
    writer.text(this.#bodyField);
    writer.bytes(message.body);
    writer.text(summaryField);
    writer.text(`${message.timestamp} ${packable ? id : "-"} ${message.contentType}`);
    if (!packable) pair(writer, metadataHeaders.id, id);
    if (key !== undefined) pair(writer, metadataHeaders.key, key);
    if (expiresAt !== undefined) pair(writer, metadataHeaders.expiresAt, String(expiresAt));
    if (replyTo !== undefined) pair(writer, metadataHeaders.replyTo, replyTo);
    if (correlationId !== undefined) pair(writer, metadataHeaders.correlationId, correlationId);
    for (const name of names) pair(writer, this.#fieldOf(name), message.headers[name] as string);
  }

  decode(entry: string, fields: readonly Buffer[]): RedisDelivery {
    const delivery = new RedisDelivery(entry, fields);
    let body: Buffer | undefined;
    let headers: Record<string, string> | undefined;
    let bytes = 0;
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const name = fields[i] as Buffer;
      const value = fields[i + 1] as Buffer;
      bytes += name.length + value.length;
      if (body === undefined && same(name, this.#bodyBytes)) body = value;
      else if (same(name, summaryBytes)) this.#unpack(value, delivery);
      else {
        const text = name.toString();
        if (readMetadata(delivery, text, value)) continue;
        headers ??= Object.create(null) as Record<string, string>;
        headers[text.startsWith(headerEscape) ? text.slice(headerEscape.length) : text] = value.toString();
      }
    }
    if (body === undefined) {
      delivery.body = asJson(headers ?? noHeaders);
      delivery.contentType ||= "application/json";
    } else {
      delivery.body = body;
      if (headers !== undefined) delivery.headers = headers;
    }
    delivery.bytes = bytes;
    if (delivery.id === "") delivery.id = delivery.origin ?? entry;
    if (delivery.timestamp < 0) delivery.timestamp = timeOf(delivery.origin ?? entry);
    return delivery;
  }

  #fieldOf(header: string): string {
    const taken =
      header === this.#bodyField ||
      header === summaryField ||
      header === metadataHeaders.contentType ||
      header.startsWith(headerEscape);
    return taken ? headerEscape + header : header;
  }

  /** Walks the bytes itself: for so few, calls into native code would cost more. */
  #unpack(value: Buffer, delivery: RedisDelivery): void {
    const { length } = value;
    let first = 0;
    while (first < length && value[first] !== space) first++;
    let second = first + 1;
    while (second < length && value[second] !== space) second++;
    if (second >= length) return;
    delivery.timestamp = wholeNumber(value, first) ?? delivery.timestamp;
    // "-" stands for an id that does not fit here and has a field of its own.
    if (second - first !== 2 || value[first + 1] !== dash)
      delivery.id = value.toString("latin1", first + 1, second);
    if (length - second - 1 !== this.#typeBytes.length || !endsWith(value, this.#typeBytes)) {
      this.#typeBytes = Buffer.from(value.subarray(second + 1));
      this.#type = this.#typeBytes.toString();
    }
    delivery.contentType = this.#type;
  }
}

function pair(writer: MessagePackWriter, name: string, value: string): void {
  writer.text(name);
  writer.text(value);
}

/** Puts a metadata field where it belongs; `false`: it is a header. */
function readMetadata(delivery: RedisDelivery, name: string, value: Buffer): boolean {
  switch (name) {
    case metadataHeaders.id:
      delivery.id = value.toString();
      return true;
    case metadataHeaders.contentType:
      delivery.contentType = value.toString();
      return true;
    case metadataHeaders.key:
      delivery.key = value.toString();
      return true;
    case metadataHeaders.timestamp:
      delivery.timestamp = wholeNumber(value, value.length) ?? delivery.timestamp;
      return true;
    case metadataHeaders.expiresAt:
      delivery.expiresAt = wholeNumber(value, value.length);
      return true;
    case metadataHeaders.replyTo:
      delivery.replyTo = value.toString();
      return true;
    case metadataHeaders.correlationId:
      delivery.correlationId = value.toString();
      return true;
    case movedFields.redeliveries:
      delivery.redeliveries = wholeNumber(value, value.length) ?? 0;
      return true;
    case movedFields.origin:
      delivery.origin = value.toString();
      return true;
    default:
      return false;
  }
}

/** The decimal number in the first `length` bytes; `undefined` unless it is a plain one of at most 16 digits. */
function wholeNumber(bytes: Buffer, length: number): number | undefined {
  if (length === 0 || length > 16) return undefined;
  let number = 0;
  for (let i = 0; i < length; i++) {
    const digit = (bytes[i] as number) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    number = number * 10 + digit;
  }
  return Number.isSafeInteger(number) ? number : undefined;
}

/** Compares in place: for names this short a call into native code would cost more. */
function same(bytes: Buffer, expected: Buffer): boolean {
  return bytes.length === expected.length && endsWith(bytes, expected);
}

function endsWith(bytes: Buffer, expected: Buffer): boolean {
  const offset = bytes.length - expected.length;
  for (let i = 0; i < expected.length; i++) if (bytes[offset + i] !== expected[i]) return false;
  return true;
}

/** Printable ASCII without a space, and not the placeholder. */
function isWord(text: string): boolean {
  return text !== "-" && /^[!-~]+$/.test(text);
}

/** What a producer wrote that has no notion of a body: all fields, as one JSON object. */
function asJson(fields: Readonly<Record<string, string>>): Uint8Array {
  return Buffer.from(JSON.stringify(fields));
}
