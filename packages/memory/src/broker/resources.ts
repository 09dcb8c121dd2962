import type { Address } from "@waybill/core/spi";
import { notFound } from "../errors.ts";
import type { DeliveryQueue } from "./delivery-queue.ts";
import type { Topic } from "./topic.ts";

/** All that exists on the broker, by broker name. */
export class Resources {
  readonly topics = new Map<string, Topic>();
  readonly queues = new Map<string, DeliveryQueue>();
  readonly inboxes = new Map<string, DeliveryQueue>();

  /** The group, queue or inbox with this address. */
  findQueue(address: Address): DeliveryQueue | undefined {
    switch (address.kind) {
      case "group":
        return this.topics.get(address.brokerName)?.groups.get(address.brokerGroup ?? "");
      case "queue":
        return this.queues.get(address.brokerName);
      case "inbox":
        return this.inboxes.get(address.brokerName);
      case "topic":
        return undefined;
    }
  }

  /** Whatever holds messages for consumers, inboxes excepted. */
  *allQueues(): Generator<DeliveryQueue> {
    yield* this.queues.values();
    for (const topic of this.topics.values()) yield* topic.outlets;
  }

  /** @throws MessagingError `NOT_FOUND` */
  queue(address: Address): DeliveryQueue {
    const queue = this.findQueue(address);
    if (queue === undefined) throw notFound(address);
    return queue;
  }

  /** @throws MessagingError `NOT_FOUND` */
  topic(address: Address): Topic {
    const topic = this.topics.get(address.brokerName);
    if (topic === undefined) throw notFound(address);
    return topic;
  }
}
