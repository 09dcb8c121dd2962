import { type DelayedMessage, metadataHeaders } from "@waybill/core/spi";
import { type AmqpMessage, annotations, enqueuedAtOf, ownProperties } from "../mapping.ts";

/** Reads a message of the delay hub; one that says nothing of its delay is due at once. */
export function readDelayed(message: AmqpMessage): DelayedMessage<AmqpMessage> {
  const properties: Readonly<Record<string, unknown>> = message.application_properties ?? {};
  const to = properties[ownProperties.to];
  return {
    message,
    dueAt: Number(properties[ownProperties.again]) || Number(properties[ownProperties.due]) || 0,
    enteredAt: enqueuedAtOf(message) || Date.now(),
    destination: typeof to === "string" && to !== "" ? to : undefined,
    missingSince: Number(properties[ownProperties.missing]) || undefined,
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
    [ownProperties.due]: _,
    [ownProperties.to]: __,
    [ownProperties.again]: ___,
    [ownProperties.missing]: ____,
    ...properties
  } = message.application_properties ?? {};
  return withProperties(message, properties);
}

/** To be tried again at this time; with since when its destination is missing, if it is. */
export function postponed(
  message: AmqpMessage,
  until: number,
  missingSince: number | undefined,
): AmqpMessage {
  const { [ownProperties.missing]: _, ...before } = message.application_properties ?? {};
  return withProperties(message, {
    ...before,
    [ownProperties.again]: String(until),
    ...(missingSince === undefined ? {} : { [ownProperties.missing]: String(missingSince) }),
  });
}

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
