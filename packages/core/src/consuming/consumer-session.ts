import type { MessagingError } from "../errors/messaging-error.ts";
import type { Consumer } from "../spi/driver.ts";
import type { AckBatcher } from "./ack-batcher.ts";
import type { DeliveryPartition, DeliverySession, InFlightDelivery } from "./in-flight-delivery.ts";
import { Partition } from "./partition.ts";

/**
 * One consumer's life. When it ends, whatever it delivered is the broker's again,
 * and the next session begins with a consumer of its own.
 */
export class ConsumerSession implements DeliverySession {
  consumer!: Consumer;
  acks!: AckBatcher;
  /** The partitions that the consumer was told to hold back. */
  pausedPartitions: readonly string[] = [];
  readonly #partitions = new Map<string, DeliveryPartition>();
  readonly #interrupt = new AbortController();
  #error: MessagingError | undefined;

  /** It ends to begin anew with another prefetch: nothing has failed. */
  reopens = false;

  /** Fires when it ends: from outside, or because the subscription closes. */
  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Why it ended, when something went wrong. */
  get error(): MessagingError | undefined {
    return this.#error;
  }

  get partitions(): Iterable<DeliveryPartition> {
    return this.#partitions.values();
  }

  end(error?: MessagingError): void {
    this.#error ??= error;
    this.#interrupt.abort();
  }

  partition(name: string): DeliveryPartition {
    let partition = this.#partitions.get(name);
    if (partition === undefined) {
      partition = new Partition<InFlightDelivery>(name);
      this.#partitions.set(name, partition);
    }
    return partition;
  }

  known(names: readonly string[]): DeliveryPartition[] {
    return names.map((name) => this.#partitions.get(name)).filter((partition) => partition !== undefined);
  }

  /** The partition may come back later, as another. */
  forget(partition: DeliveryPartition): void {
    if (this.#partitions.get(partition.name) === partition) this.#partitions.delete(partition.name);
  }
}
