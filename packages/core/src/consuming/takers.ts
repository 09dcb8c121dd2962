import { Deque } from "../runtime/deque.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** Where the application takes deliveries one by one: for how many of them it asks. */
export interface Demand {
  /** Somebody asks for whom nothing is on its way yet. */
  readonly isOpen: boolean;
  /** It is on its way, through its schema and middleware, to whoever asks. */
  started(delivery: InFlightDelivery): void;
  /** Its turn is over, whether or not somebody took it. */
  ended(delivery: InFlightDelivery): void;
}

/** Those who wait for the next delivery, and what is on its way to them: never more than they are. */
export class Takers<T> implements Demand {
  readonly #waiting = new Deque<(result: IteratorResult<T>) => void>();
  readonly #onTheWay = new Set<InFlightDelivery>();

  get isOpen(): boolean {
    return this.#waiting.size > this.#onTheWay.size;
  }

  started(delivery: InFlightDelivery): void {
    this.#onTheWay.add(delivery);
  }

  ended(delivery: InFlightDelivery): void {
    this.#onTheWay.delete(delivery);
  }

  wait(): Promise<IteratorResult<T>> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Hands it to whoever has waited longest. False when nobody waits. */
  give(value: T, delivery: InFlightDelivery): boolean {
    this.ended(delivery);
    const take = this.#waiting.shift();
    take?.({ done: false, value });
    return take !== undefined;
  }

  /** Nothing more comes. */
  end(): void {
    for (let take = this.#waiting.shift(); take !== undefined; take = this.#waiting.shift())
      take({ done: true, value: undefined });
  }
}
