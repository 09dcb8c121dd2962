import type { ConsumeMessage } from "amqplib";

/** amqplib reads nothing else of a message that is settled. */
export function byTag(deliveryTag: number): ConsumeMessage {
  return { fields: { deliveryTag } } as ConsumeMessage;
}
