import type { Address, PublishOutcome, WireMessage } from "@waybill/core/spi";
import type { MemoryBroker } from "./broker/broker.ts";

/** Stores batches on the broker. */
export class MemoryPublisher {
  readonly #broker: MemoryBroker;

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
  }

  /**
   * Stores a batch; one outcome per message, in order.
   * @throws MessagingError `NOT_FOUND`
   */
  publish(to: Address, batch: readonly WireMessage[]): readonly PublishOutcome[] {
    return this.#broker.publish(to, batch);
  }
}
