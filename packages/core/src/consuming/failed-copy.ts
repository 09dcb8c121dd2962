import { nextPublishToken } from "../publishing/ids.ts";
import type { Headers, WireMessage } from "../spi/message.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** A failed message as it is stored again: for its next attempt, or in its dead-letter queue. */
export function copyOf(
  { message }: InFlightDelivery,
  changed: Pick<WireMessage, "delayMs" | "expiresAt"> & {
    readonly headers: Headers;
    readonly body?: Uint8Array;
  },
): WireMessage {
  return {
    id: message.id,
    publishToken: nextPublishToken(),
    body: message.body,
    contentType: message.contentType,
    key: undefined,
    timestamp: message.timestamp,
    replyTo: message.replyTo,
    correlationId: message.correlationId,
    ...changed,
  };
}
