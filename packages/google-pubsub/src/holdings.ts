import type { PubsubDelivery } from "./delivery.ts";

/** All that a consumer has of the service's: what waits to be received, and what core has and has not settled. */
export class Holdings {
  readonly #waiting = new Set<PubsubDelivery>();
  readonly #unsettled = new Set<PubsubDelivery>();

  get size(): number {
    return this.#waiting.size + this.#unsettled.size;
  }

  arrived(delivery: PubsubDelivery): void {
    this.#waiting.add(delivery);
  }

  received(deliveries: readonly PubsubDelivery[]): void {
    for (const delivery of deliveries) {
      this.#waiting.delete(delivery);
      this.#unsettled.add(delivery);
    }
  }

  /** False: it is not ours any more. */
  has(delivery: PubsubDelivery): boolean {
    return this.#unsettled.has(delivery);
  }

  settled(delivery: PubsubDelivery): void {
    this.#unsettled.delete(delivery);
  }

  get waiting(): Iterable<PubsubDelivery> {
    return this.#waiting;
  }

  /** Forgets what core gave up, or what could not be renewed: its lease is over. */
  dropExpired(now: number): void {
    for (const set of [this.#waiting, this.#unsettled])
      for (const delivery of set) if (delivery.leasedUntil <= now) set.delete(delivery);
  }

  /** All of it, to be handed back. */
  takeAll(): PubsubDelivery[] {
    const all = [...this.#waiting, ...this.#unsettled];
    this.#waiting.clear();
    this.#unsettled.clear();
    return all;
  }
}
