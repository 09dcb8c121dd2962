import type { Clock } from "@waybill/core/spi";
import type { MemoryDelivery } from "../delivery.ts";
import { LinkedList } from "./linked-list.ts";

/** What consumers hold, sorted by when the lease ends, with one timer for the first. */
export class Leases {
  readonly #held = new LinkedList<MemoryDelivery>();
  readonly #clock: Clock;
  readonly #onExpired: (deliveries: readonly MemoryDelivery[]) => void;
  #timer: unknown;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onExpired: (deliveries: readonly MemoryDelivery[]) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  get size(): number {
    return this.#held.size;
  }

  [Symbol.iterator](): Iterator<MemoryDelivery> {
    return this.#held[Symbol.iterator]();
  }

  grant(delivery: MemoryDelivery, until: number): void {
    delivery.leaseEnd = until;
    // Leases are nearly always equally long, so the place is nearly always the last.
    let later: MemoryDelivery | undefined;
    for (let last = this.#held.last; last !== undefined && last.leaseEnd > until; last = last.previous)
      later = last;
    this.#held.insertBefore(delivery, later);
    if (until < this.#timerAt) this.#setTimer();
  }

  renew(delivery: MemoryDelivery, until: number): void {
    this.end(delivery);
    this.grant(delivery, until);
  }

  end(delivery: MemoryDelivery): void {
    this.#held.remove(delivery);
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  /** Set again only when it rings or when a lease ends sooner, so that most messages never touch it. */
  #setTimer(): void {
    this.stop();
    const { first } = this.#held;
    if (first === undefined) return;
    this.#timerAt = first.leaseEnd;
    this.#timer = this.#clock.setTimeout(() => this.#ring(), Math.max(first.leaseEnd - this.#clock.now(), 1));
    // Whoever holds a lease has a connection, and keeps the process alive; this must not.
    (this.#timer as { unref?(): void }).unref?.();
  }

  #ring(): void {
    const now = this.#clock.now();
    const expired: MemoryDelivery[] = [];
    for (const delivery of this.#held) {
      if (delivery.leaseEnd > now) break;
      expired.push(delivery);
    }
    if (expired.length > 0) this.#onExpired(expired);
    this.#setTimer();
  }
}
