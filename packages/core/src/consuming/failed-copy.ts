import { nextPublishToken } from "../publishing/ids.ts";
import type { Headers, WireMessage } from "../spi/message.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** A copy of a message that failed, to be stored elsewhere or to come again. */
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
