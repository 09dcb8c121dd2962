import { metadataHeaders } from "@waybill/core/spi";
import rhea, { type Message } from "rhea";
import { annotations, ownProperties } from "../mapping.ts";

/** The ordering key, which it keeps wherever it goes. */
export function keyOf(message: Message): string | undefined {
  const key: unknown =
    message.application_properties?.[metadataHeaders.key] ?? message.message_annotations?.[annotations.key];
  return typeof key === "string" ? key : undefined;
}

/** As it is to be delivered: without what it carried while it waited. */
export function released(message: Message): Buffer {
  const {
    [ownProperties.due]: _,
    [ownProperties.to]: __,
    [ownProperties.again]: ___,
    [ownProperties.missing]: ____,
    ...properties
  } = message.application_properties ?? {};
  return encodeAgain(message, properties);
}

/** To be tried again at this time; with since when its destination is missing, if it is. */
export function withAgain(message: Message, again: number, missingSince: number | undefined): Message {
  const { [ownProperties.missing]: _, ...before } = message.application_properties ?? {};
  const properties = {
    ...before,
    [ownProperties.again]: String(again),
    ...(missingSince === undefined ? {} : { [ownProperties.missing]: String(missingSince) }),
  };
  return Object.assign(Object.create(null), message, { application_properties: properties }) as Message;
}

/** The service's annotations are of its last place; the key is the message's own. */
export function encodeAgain(message: Message, properties: Readonly<Record<string, unknown>>): Buffer {
  const key = keyOf(message);
  return rhea.message.encode({
    ...message,
    delivery_annotations: undefined,
    message_annotations: key === undefined ? undefined : { [annotations.key]: key },
    application_properties: properties,
  });
}
