import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** What waits behind its key, or for its next attempt, in all and by partition: it takes no place from what could start. */
export class ParkedDeliveries {
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(delivery: InFlightDelivery): void {
    if (delivery.parked) return;
    delivery.parked = true;
    this.#count(delivery, 1);
  }

  remove(delivery: InFlightDelivery): void {
    if (!delivery.parked) return;
    delivery.parked = false;
    this.#count(delivery, -1);
  }

  #count({ size, partition }: InFlightDelivery, by: 1 | -1): void {
    this.#size += by;
    this.#bytes += by * size;
    if (partition === undefined) return;
    partition.parked += by;
    partition.parkedBytes += by * size;
  }
}
