import type { SnsSqsDelivery } from "../delivery.ts";

/** All that a consumer holds: what waits to be received by core, and what core has received and not settled. */
export class OutstandingMessages {
  readonly #waiting = new Set<SnsSqsDelivery>();
  readonly #received = new Set<SnsSqsDelivery>();
  #bytes = 0;

  /** Of all that is held: bodies, keys and headers. */
  get bytes(): number {
    return this.#bytes;
  }

  get waiting(): Iterable<SnsSqsDelivery> {
    return this.#waiting;
  }

  arrived(delivery: SnsSqsDelivery): void {
    this.#waiting.add(delivery);
    this.#bytes += delivery.bytes;
  }

  /** Core has it now, or has it again since its settlement failed. */
  received(delivery: SnsSqsDelivery): void {
    if (!this.#waiting.delete(delivery) && !this.#received.has(delivery)) this.#bytes += delivery.bytes;
    this.#received.add(delivery);
  }

  /** Whether core has it, and it is neither settled nor being settled. */
  has(delivery: SnsSqsDelivery): boolean {
    return this.#received.has(delivery);
  }

  drop(delivery: SnsSqsDelivery): void {
    const held = this.#waiting.delete(delivery) || this.#received.delete(delivery);
    if (held) this.#bytes -= delivery.bytes;
  }

  /** Forgets what core gave up, or what could not be renewed: its lease is over. */
  dropExpired(now: number): void {
    for (const set of [this.#waiting, this.#received])
      for (const delivery of set) if (delivery.leasedUntil <= now) this.drop(delivery);
  }

  /** All of it, to be handed back. */
  takeAll(): SnsSqsDelivery[] {
    const all = [...this.#received, ...this.#waiting];
    this.#waiting.clear();
    this.#received.clear();
    this.#bytes = 0;
    return all;
  }
}
