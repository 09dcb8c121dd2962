import { type Address, derivedSeparator, type NamingRule } from "@waybill/core/spi";

/**
 * AMQP names are at most 255 bytes (a short string). A group's dead-letter queue is
 * `<topic>..<group>..dead`, so each name by itself may have 120.
 */
const longest = 120;

export const naming: NamingRule = {
  rule: `Names are at most ${longest} bytes long and do not begin with "amq.", which RabbitMQ reserves.`,
  toBrokerName(name, kind) {
    // Names that core derived are made of parts that were checked one by one.
    const most = name.includes(derivedSeparator) ? 255 : longest;
    if (Buffer.byteLength(name) > most) return undefined;
    return kind !== "group" && name.startsWith("amq.") ? undefined : name;
  },
};

/**
 * Names of what the adapter makes for itself hold an `@`, which portable names
 * never do, so that no topic, queue or group can meet them.
 */
const own = (owner: string, what: string) => `${owner}${derivedSeparator}@${what}`;

export const deadSuffix = `${derivedSeparator}dead`;

/** The queue that holds what waits for a group, or for a queue's consumers. */
export function queueName(address: Address): string {
  return address.kind === "group"
    ? `${address.brokerName}${derivedSeparator}${address.brokerGroup}`
    : address.brokerName;
}

/** The stream that keeps a retained topic. */
export const streamName = (topic: string) => own(topic, "log");
/** What an ephemeral subscription reads from. */
export const liveName = (topic: string, id: string) => own(topic, `live.${id}`);
/** The past of a new ordered group, to be handled before its queue. */
export const pastName = (queue: string) => own(queue, "past");
/** What is to be known of retries that waited when a member of an ordered group closed. */
export const waitingName = (queue: string) => own(queue, "waiting");
/** There while the past of a new group is not copied completely. */
export const copyingName = (queue: string) => own(queue, "copying");
/** Held by the connection that copies. */
export const copyLockName = (queue: string) => own(queue, "lock");

/** Shared by all that waits on this virtual host. */
export const delayName = (tierMs: number) => own("waybill", `delay.${tierMs}`);
export const dueExchange = own("waybill", "due");
export const undeliverableName = own("waybill", "undeliverable");
