import rhea from "rhea";
import { type AmqpMessage, annotations } from "../mapping.ts";

const { message: amqp } = rhea;

/** What a batch takes beside its messages and, for each of them, the frame of its section. */
export const batchOverhead = 512;
export const sectionOverhead = 16;

/**
 * A message as the wire has it. Bytes become a data section; the body of a received message
 * stays the section that it was. Throws for what cannot be written, such as values of types
 * that only others use.
 */
export function encodeMessage(message: AmqpMessage): Buffer {
  const { body } = message;
  const section =
    body instanceof Uint8Array
      ? amqp.data_section(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
      : body;
  return amqp.encode({ ...message, body: section } as never);
}

/** Encoded messages as one batch for the service, to go where the key says. */
export function encodeBatch(messages: readonly Buffer[], key: string | undefined): Buffer {
  return amqp.encode({
    body: amqp.data_sections(messages),
    ...(key === undefined ? {} : { message_annotations: { [annotations.key]: key } }),
  });
}
