import type { Address, Topology, TopologyItem, TopologyState } from "@waybill/core/spi";
import type { MemoryBroker } from "./broker/broker.ts";
import { DeliveryQueue } from "./broker/delivery-queue.ts";
import { sameFilter } from "./broker/filter.ts";
import { Topic } from "./broker/topic.ts";
import { mismatch, removed, title } from "./errors.ts";

/** Makes, shows and takes away what is on the broker. */
export class MemoryTopology implements Topology {
  readonly #broker: MemoryBroker;
  readonly #checkOpen: () => void;

  /** `checkOpen` throws once the connection has ended. */
  constructor(broker: MemoryBroker, checkOpen: () => void) {
    this.#broker = broker;
    this.#checkOpen = checkOpen;
  }

  async ensure(items: readonly TopologyItem[]): Promise<void> {
    this.#checkOpen();
    for (const item of items) {
      if (item.address.kind === "queue") this.#ensureQueue(item.address);
      else if (item.address.kind !== "inbox") await this.#ensureTopic(item);
    }
  }

  async inspect(addresses: readonly Address[]): Promise<readonly TopologyState[]> {
    this.#checkOpen();
    return addresses.map((address) =>
      address.kind === "topic" ? this.#topicState(address) : this.#queueState(address),
    );
  }

  async remove(addresses: readonly Address[]): Promise<void> {
    this.#checkOpen();
    const { topics, queues } = this.#broker.resources;
    for (const { kind, brokerName, brokerGroup } of addresses) {
      if (kind === "group") {
        topics.get(brokerName)?.removeGroup(brokerGroup ?? "");
      } else if (kind === "topic") {
        topics.get(brokerName)?.end();
        topics.delete(brokerName);
      } else if (kind === "queue") {
        const queue = queues.get(brokerName);
        queues.delete(brokerName);
        queue?.end(removed(queue.nature.title));
      }
    }
  }

  #ensureQueue(address: Address): void {
    const { queues } = this.#broker.resources;
    const queue = queues.get(address.brokerName);
    if (queue !== undefined) {
      checkOrder(address, queue);
    } else {
      const nature = { title: title(address), ordered: address.ordered };
      queues.set(address.brokerName, new DeliveryQueue(nature, this.#broker.settings));
    }
  }

  /** The topic, which also learns here that it is to be retained, and for a `group` its group. */
  async #ensureTopic({ address, start, filter }: TopologyItem): Promise<void> {
    const { topics } = this.#broker.resources;
    const topic = topics.get(address.brokerName) ?? new Topic(this.#broker.settings);
    topics.set(address.brokerName, topic);
    if (address.retained) topic.retain();
    if (address.brokerGroup === undefined) return;
    const group = topic.groups.get(address.brokerGroup);
    if (group === undefined) {
      const nature = { title: title(address), ordered: address.ordered, filter };
      await topic.addGroup(address.brokerGroup, nature, start);
    } else {
      checkOrder(address, group);
      // Who names no filter (a redrive, say) has no wish about it; a consumer's own is compared when it comes.
      const differs = filter !== undefined && !sameFilter(filter, group.nature.filter);
      if (differs) throw mismatch(address, "it has another filter.");
    }
  }

  #topicState(address: Address): TopologyState {
    const topic = this.#broker.resources.topics.get(address.brokerName);
    if (topic === undefined) return { address, exists: false, differences: [] };
    const lacksLog = address.retained && !topic.retained;
    return { address, exists: true, differences: lacksLog ? ["It keeps nothing for replay."] : [] };
  }

  #queueState(address: Address): TopologyState {
    const queue = this.#broker.resources.findQueue(address);
    if (queue === undefined) return { address, exists: false, differences: [] };
    const difference = orderDifference(address, queue);
    return {
      address,
      exists: true,
      differences: difference === undefined ? [] : [difference],
      backlog: queue.backlog,
      unsettled: queue.held,
    };
  }
}

/** One that keeps order serves those who do not ask for it, but not the other way round. */
function orderDifference(address: Address, queue: DeliveryQueue): string | undefined {
  return address.ordered && !queue.nature.ordered ? "It does not keep order per key." : undefined;
}

function checkOrder(address: Address, queue: DeliveryQueue): void {
  const difference = orderDifference(address, queue);
  if (difference !== undefined) throw mismatch(address, difference);
}
