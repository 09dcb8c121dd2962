import type { Clock } from "@waybill/core/spi";
import type { MemoryDelivery } from "./delivery.ts";
import { LinkedList } from "./linked-list.ts";

/**
 * What consumers have in hand, and until when. All leases of a queue are equally
 * long, so the list stays sorted by itself, and one timer for its head is enough.
 */
export class Leases {
  readonly #held = new LinkedList<MemoryDelivery>();
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #onExpired: (deliveries: readonly MemoryDelivery[]) => void;
  #timer: unknown;

  constructor(clock: Clock, leaseMs: number, onExpired: (deliveries: readonly MemoryDelivery[]) => void) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#held.size;
  }

  /** All that is in hand, in the order in which the leases end. */
  [Symbol.iterator](): Iterator<MemoryDelivery> {
    return this.#held[Symbol.iterator]();
  }

  grant(delivery: MemoryDelivery, now: number): void {
    delivery.leaseEnd = now + this.#leaseMs;
    this.#held.append(delivery);
    if (this.#timer === undefined) this.#setTimer(this.#leaseMs);
  }

  renew(delivery: MemoryDelivery, now: number): void {
    this.#held.remove(delivery);
    this.grant(delivery, now);
  }

  end(delivery: MemoryDelivery): void {
    this.#held.remove(delivery);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #setTimer(ms: number): void {
    this.#timer = this.#clock.setTimeout(() => this.#ring(), Math.max(ms, 1));
    // Whoever holds a lease has a connection, and that keeps the process alive, not this.
    (this.#timer as { unref?(): void }).unref?.();
  }

  #ring(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const expired: MemoryDelivery[] = [];
    for (const delivery of this.#held) {
      if (delivery.leaseEnd > now) break;
      expired.push(delivery);
    }
    if (expired.length > 0) this.#onExpired(expired);
    const { first } = this.#held;
    if (first !== undefined && this.#timer === undefined) this.#setTimer(first.leaseEnd - now);
  }
}
