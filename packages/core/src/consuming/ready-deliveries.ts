import { Deque } from "../runtime/deque.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { Suspects } from "./suspects.ts";

/**
 * What may start, in order: for the first time here, and once more after a wait. The two take
 * turns, so that neither starves the other; suspects go before both.
 */
export class ReadyDeliveries {
  readonly #fresh = new Deque<InFlightDelivery>();
  readonly #again = new Deque<InFlightDelivery>();
  readonly #suspects: Suspects;
  #turnOfAgain = false;

  constructor(suspects: Suspects) {
    this.#suspects = suspects;
  }

  /** Without suspects, which wait for another reason. */
  get size(): number {
    return this.#fresh.size + this.#again.size;
  }

  /** Nothing may start now. */
  get isEmpty(): boolean {
    return this.size === 0 && !this.#suspects.mayTake;
  }

  add(delivery: InFlightDelivery): void {
    this.#fresh.push(delivery);
  }

  addAgain(delivery: InFlightDelivery): void {
    this.#again.push(delivery);
  }

  take(): InFlightDelivery | undefined {
    const suspect = this.#suspects.take();
    if (suspect !== undefined) return suspect;
    this.#turnOfAgain = !this.#turnOfAgain;
    if (this.#turnOfAgain) return this.#again.shift() ?? this.#fresh.shift();
    return this.#fresh.shift() ?? this.#again.shift();
  }

  retain(keep: (delivery: InFlightDelivery) => boolean): void {
    for (const ready of [this.#fresh, this.#again, this.#suspects]) ready.retain(keep);
  }
}
