import type { Address } from "@waybill/core/spi";
import type { Options } from "amqplib";
import { deadSuffix, queueName, streamName } from "../naming.ts";
import type { Settings } from "../options.ts";

/** In an ordered queue every hand-back counts, so that a count says little of failures. */
const orderedLimitFactor = 50;

/** A queue as it is to be declared. */
export interface QueueSpec {
  readonly name: string;
  readonly options: Options.AssertQueue & { readonly arguments: Record<string, unknown> };
}

/** The queue of a group, or of a queue address. */
export function queueSpec(address: Address, settings: Settings): QueueSpec {
  const name = queueName(address);
  if (name.endsWith(deadSuffix)) return deadSpec(name, settings);
  const wanted: Record<string, unknown> = {
    "x-queue-type": settings.queueType,
    "x-consumer-timeout": settings.consumerTimeoutMs,
  };
  if (address.ordered) wanted["x-single-active-consumer"] = true;
  if (settings.queueType === "quorum") {
    // The backstop for what fails before anyone can count. At-least-once needs both.
    wanted["x-delivery-limit"] = settings.deliveryLimit * (address.ordered ? orderedLimitFactor : 1);
    wanted["x-dead-letter-exchange"] = "";
    wanted["x-dead-letter-routing-key"] = name + deadSuffix;
    wanted["x-dead-letter-strategy"] = "at-least-once";
    wanted["x-overflow"] = "reject-publish";
  }
  return { name, options: { durable: true, arguments: wanted } };
}

/** A dead-letter queue. It has no delivery limit of its own: its messages may be tried any number of times. */
export function deadSpec(name: string, settings: Settings): QueueSpec {
  const wanted: Record<string, unknown> = {
    "x-queue-type": settings.queueType,
    "x-consumer-timeout": settings.consumerTimeoutMs,
  };
  if (settings.queueType === "quorum") wanted["x-delivery-limit"] = -1;
  return { name, options: { durable: true, arguments: wanted } };
}

/** What keeps a retained topic. */
export function streamSpec(topic: string, settings: Settings): QueueSpec {
  const wanted: Record<string, unknown> = {
    "x-queue-type": "stream",
    "x-max-age": `${Math.ceil(settings.retentionMs / 1000)}s`,
  };
  if (settings.retentionBytes !== undefined) wanted["x-max-length-bytes"] = settings.retentionBytes;
  return { name: streamName(topic), options: { durable: true, arguments: wanted } };
}
