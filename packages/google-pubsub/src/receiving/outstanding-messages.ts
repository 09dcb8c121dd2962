import type { GooglePubsubDelivery } from "../delivery.ts";

/** All that a consumer holds: what waits to be received, and what core has and has not settled. */
export class OutstandingMessages {
  readonly #waiting = new Set<GooglePubsubDelivery>();
  readonly #unsettled = new Set<GooglePubsubDelivery>();

  #bytes = 0;

  /** Of all that is held: bodies, keys and headers. */
  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#waiting.size + this.#unsettled.size;
  }

  arrived(delivery: GooglePubsubDelivery): void {
    this.#waiting.add(delivery);
    this.#bytes += delivery.bytes;
  }

  received(deliveries: readonly GooglePubsubDelivery[]): void {
    for (const delivery of deliveries) if (this.#waiting.delete(delivery)) this.#unsettled.add(delivery);
  }

  /** False: it is not ours any more. */
  has(delivery: GooglePubsubDelivery): boolean {
    return this.#unsettled.has(delivery);
  }

  settled(delivery: GooglePubsubDelivery): void {
    this.#drop(this.#unsettled, delivery);
  }

  get waiting(): Iterable<GooglePubsubDelivery> {
    return this.#waiting;
  }

  /** Forgets what core gave up, or what could not be renewed: its lease is over. */
  dropExpired(now: number): void {
    for (const set of [this.#waiting, this.#unsettled])
      for (const delivery of set) if (delivery.leasedUntil <= now) this.#drop(set, delivery);
  }

  /** All of it, to be handed back. */
  takeAll(): GooglePubsubDelivery[] {
    const all = [...this.#waiting, ...this.#unsettled];
    this.#waiting.clear();
    this.#unsettled.clear();
    this.#bytes = 0;
    return all;
  }

  #drop(from: Set<GooglePubsubDelivery>, delivery: GooglePubsubDelivery): void {
    if (from.delete(delivery)) this.#bytes -= delivery.bytes;
  }
}
