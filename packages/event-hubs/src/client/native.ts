import { EventHubConsumerClient, EventHubProducerClient } from "@azure/event-hubs";
import type { Settings } from "../options.ts";

/** The vendor's own clients for this namespace, made when they are asked for; they end with the connection. */
export class EventHubsNative {
  readonly #settings: Settings;
  readonly #clients: { close(): Promise<void> }[] = [];

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** A producer for this hub. */
  async producer(hub: string): Promise<EventHubProducerClient> {
    const { vendor, namespace } = this.#settings;
    return this.#kept(
      "connectionString" in vendor
        ? new EventHubProducerClient(vendor.connectionString, hub)
        : new EventHubProducerClient(namespace, hub, (await vendor.credential()) as never),
    );
  }

  /** A consumer for this group of this hub. */
  async consumer(hub: string, consumerGroup: string): Promise<EventHubConsumerClient> {
    const { vendor, namespace } = this.#settings;
    return this.#kept(
      "connectionString" in vendor
        ? new EventHubConsumerClient(consumerGroup, vendor.connectionString, hub)
        : new EventHubConsumerClient(consumerGroup, namespace, hub, (await vendor.credential()) as never),
    );
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.splice(0).map((client) => client.close()));
  }

  #kept<C extends { close(): Promise<void> }>(client: C): C {
    this.#clients.push(client);
    return client;
  }
}
