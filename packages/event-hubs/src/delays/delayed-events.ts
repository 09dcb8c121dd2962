import {
  type DelayedMessage,
  durationIn,
  durationText,
  metadataHeaders,
  type WaitingMessage,
} from "@waybill/core/spi";
import { type AmqpMessage, annotations, enqueuedAtOf, ownProperties } from "../mapping.ts";

/** Reads a message of the delay hub; one that says nothing of its delay is due at once. */
export function readDelayed(message: AmqpMessage): DelayedMessage<AmqpMessage> {
  const properties: Readonly<Record<string, unknown>> = message.application_properties ?? {};
  const to = properties[ownProperties.to];
  return {
    message,
    waitMs: durationIn(properties[ownProperties.wait]) ?? 0,
    enteredAt: enqueuedAtOf(message) || undefined,
    destination: typeof to === "string" && to !== "" ? to : undefined,
    missingMs: durationIn(properties[ownProperties.missing]),
  };
}

/** The ordering key, which it keeps wherever it goes. */
export function keyOf(message: AmqpMessage): string | undefined {
  const key =
    message.application_properties?.[metadataHeaders.key] ?? message.message_annotations?.[annotations.key];
  return typeof key === "string" ? key : undefined;
}

/** As it is to be delivered: without what it carried while it waited. */
export function released(message: AmqpMessage): AmqpMessage {
  const {
    [ownProperties.wait]: _,
    [ownProperties.to]: __,
    [ownProperties.missing]: ___,
    ...properties
  } = message.application_properties ?? {};
  return withProperties(message, properties);
}

/** To wait on in another tier, so long. */
export function keptWaiting({ message, waitMs, missingMs }: WaitingMessage<AmqpMessage>): AmqpMessage {
  const { [ownProperties.missing]: _, ...before } = message.application_properties ?? {};
  return withProperties(message, {
    ...before,
    [ownProperties.wait]: durationText(waitMs),
    ...(missingMs === undefined ? {} : { [ownProperties.missing]: String(Math.round(missingMs)) }),
  });
}

/** To be stored only to learn what the service's clock shows: it says nothing, so it is for nobody. */
export const clockMessage: AmqpMessage = { body: Buffer.alloc(0) };

/** To be stored once more: the service's annotations are of its last place; the key is the message's own. */
export function forNextPlace(message: AmqpMessage): AmqpMessage {
  const key = keyOf(message);
  const {
    message_annotations: _,
    delivery_annotations: __,
    ...rest
  } = message as AmqpMessage & {
    delivery_annotations?: unknown;
  };
  return key === undefined ? rest : { ...rest, message_annotations: { [annotations.key]: key } };
}

function withProperties(message: AmqpMessage, properties: Readonly<Record<string, unknown>>): AmqpMessage {
  return { ...message, application_properties: properties };
}
