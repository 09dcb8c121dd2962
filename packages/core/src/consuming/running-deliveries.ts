import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** Those whose handler has not ended, in no order. Adding and removing cost next to nothing, which a Set's do not. */
export class RunningDeliveries {
  readonly #items: InFlightDelivery[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(delivery: InFlightDelivery): void {
    delivery.runningAt = this.#items.length;
    this.#items.push(delivery);
  }

  delete(delivery: InFlightDelivery): void {
    const place = delivery.runningAt;
    if (place === undefined) return;
    delivery.runningAt = undefined;
    const last = this.#items.pop() as InFlightDelivery;
    if (last === delivery) return;
    this.#items[place] = last;
    last.runningAt = place;
  }

  /** As they are now: the list may change meanwhile. */
  all(): readonly InFlightDelivery[] {
    return [...this.#items];
  }
}
