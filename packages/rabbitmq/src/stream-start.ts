import { MessagingError, type StartPosition } from "@waybill/core/spi";
import type { Message } from "amqplib";
import { timestampOf } from "./mapping.ts";

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
    case "position": {
      const offset = Number(start.position);
      if (!/^\d+$/.test(start.position) || !Number.isSafeInteger(offset)) {
        throw new MessagingError("INVALID_ARGUMENT", `"${start.position}" is not a position in a stream.`, {
          remedy: "Use the `position` of a delivery of this topic.",
        });
      }
      return { argument: offset, skips: () => false };
    }
    case "time": {
      const seconds = Math.max(0, Math.floor((start.timestamp - skewMs) / 1000));
      let reached = false;
      return {
        argument: { "!": "timestamp", value: seconds },
        skips(message) {
          reached ||= (timestampOf(message.properties) ?? Number.POSITIVE_INFINITY) >= start.timestamp;
          return !reached;
        },
      };
    }
  }
}
