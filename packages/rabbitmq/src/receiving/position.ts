import { MessagingError, metadataHeaders, type StartPosition } from "@waybill/core/spi";
import type { Message } from "amqplib";
import { textOf, timestampOf } from "../mapping.ts";

/**
 * Where a message is in its topic. In the stream that is its offset. A group's
 * queue knows nothing of the stream: there it is the time and the id by which the
 * message will be found in it.
 */
export function positionOf(message: Message, retained: boolean): string | undefined {
  const offset: unknown = message.properties.headers?.["x-stream-offset"];
  if (typeof offset === "number") return String(offset);
  if (!retained) return undefined;
  const id = textOf(message.properties.messageId, message, metadataHeaders.id);
  const timestamp = timestampOf(message.properties);
  return id === undefined || timestamp === undefined ? undefined : `${timestamp}@${id}`;
}

/** How far the clocks of publishers and broker may be apart. */
const skewMs = 60_000;

export interface StreamStart {
  /** The consumer argument `x-stream-offset`. */
  readonly argument: unknown;
  /** Whether a message lies before the start all the same. */
  skips(message: Message): boolean;
}

/**
 * Where to attach to a stream. The broker finds a time by the second, and by the
 * chunk it wrote (RabbitMQ's documentation of streams says that earlier messages
 * may come); so a start at a time attaches a little earlier and passes over what
 * was published before it.
 */
export function streamStart(start: StartPosition): StreamStart {
  switch (start.from) {
    case "latest":
      return { argument: "next", skips: () => false };
    case "earliest":
      return { argument: "first", skips: () => false };
    case "position":
      return atPosition(start.position);
    case "time": {
      let reached = false;
      return {
        argument: attachBefore(start.timestamp),
        skips(message) {
          reached ||= (timestampOf(message.properties) ?? Number.POSITIVE_INFINITY) >= start.timestamp;
          return !reached;
        },
      };
    }
  }
}

function atPosition(position: string): StreamStart {
  const offset = Number(position);
  if (/^\d+$/.test(position) && Number.isSafeInteger(offset)) return { argument: offset, skips: () => false };
  const [, digits, id] = /^(\d{1,16})@(.+)$/s.exec(position) ?? [];
  if (digits === undefined) {
    throw new MessagingError("INVALID_ARGUMENT", "This is not a position in a topic on RabbitMQ.", {
      remedy: "Use the `position` of a delivery of this topic.",
    });
  }
  const timestamp = Number(digits);
  let first = true;
  let reached = false;
  return {
    argument: attachBefore(timestamp),
    skips(message) {
      const at = timestampOf(message.properties) ?? 0;
      // When it is no longer kept, what follows it begins with what is, or has to be near.
      reached ||= (first && at > timestamp) || at >= timestamp + skewMs;
      reached ||= textOf(message.properties.messageId, message, metadataHeaders.id) === id;
      first = false;
      return !reached;
    },
  };
}

function attachBefore(timestamp: number): unknown {
  return { "!": "timestamp", value: Math.max(0, Math.floor((timestamp - skewMs) / 1000)) };
}
