import type { Headers, WireMessage } from "@waybill/core/spi";
import { copyBytes } from "./broker/copy-bytes.ts";

/** A message as the broker keeps it: one copy, shared by all consumers that will get it. */
export interface StoredMessage extends Omit<WireMessage, "delayMs"> {
  /** Its number in its topic or queue, counted from 0. */
  readonly position: number;
  /** When the broker took it, milliseconds since the epoch. */
  readonly storedAt: number;
  /** Not to be delivered before this time, milliseconds since the epoch. */
  readonly dueAt: number;
  /** What it counts against the bounds. */
  readonly bytes: number;
}

const noHeaders: Headers = Object.freeze(Object.create(null));

/** Copies what the publisher may change after it was told that the message is stored. */
export function encode(message: WireMessage, position: number, now: number): StoredMessage {
  const {
    id,
    publishToken,
    body,
    contentType,
    key,
    timestamp,
    headers,
    delayMs,
    expiresAt,
    replyTo,
    correlationId,
  } = message;
  let copy = noHeaders;
  let bytes = body.byteLength + (key === undefined ? 0 : key.length);
  for (const name in headers) {
    if (copy === noHeaders) copy = Object.create(null);
    const value = headers[name] as string;
    (copy as Record<string, string>)[name] = value;
    bytes += name.length + value.length;
  }
  return {
    id,
    publishToken,
    body: copyBytes(body),
    contentType,
    key,
    timestamp,
    headers: copy === noHeaders ? copy : Object.freeze(copy),
    expiresAt,
    replyTo,
    correlationId,
    position,
    storedAt: now,
    dueAt: now + delayMs,
    bytes,
  };
}
