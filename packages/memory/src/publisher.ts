import type { Address, PublishOutcome, WireMessage } from "@waybill/core/spi";
import type { MemoryBroker } from "./broker/broker.ts";

/** Stores batches on the broker. */
export class MemoryPublisher {
  readonly #broker: MemoryBroker;
  readonly #checkOpen: () => void;

  /** `checkOpen` throws once the connection has ended. */
  constructor(broker: MemoryBroker, checkOpen: () => void) {
    this.#broker = broker;
    this.#checkOpen = checkOpen;
  }

  /**
   * Stores a batch; one outcome per message, in order.
   * @throws MessagingError `NOT_FOUND`
   */
  async publish(to: Address, batch: readonly WireMessage[]): Promise<readonly PublishOutcome[]> {
    this.#checkOpen();
    return this.#broker.publish(to, batch, this.#checkOpen);
  }
}
