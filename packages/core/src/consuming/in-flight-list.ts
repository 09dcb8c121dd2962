import type { InFlightDelivery } from "./in-flight-delivery.ts";

/** All that is held, in order of receipt. Linked through the items, so that adding and removing cost next to nothing. */
export class InFlightList {
  #first: InFlightDelivery | undefined;
  #last: InFlightDelivery | undefined;
  #size = 0;
  #bytes = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(delivery: InFlightDelivery): void {
    delivery.previous = this.#last;
    if (this.#last === undefined) this.#first = delivery;
    else this.#last.next = delivery;
    this.#last = delivery;
    delivery.listed = true;
    this.#size++;
    this.#bytes += delivery.size;
  }

  remove(delivery: InFlightDelivery): void {
    if (!delivery.listed) return;
    delivery.listed = false;
    if (delivery.previous === undefined) this.#first = delivery.next;
    else delivery.previous.next = delivery.next;
    if (delivery.next === undefined) this.#last = delivery.previous;
    else delivery.next.previous = delivery.previous;
    delivery.previous = undefined;
    delivery.next = undefined;
    this.#size--;
    this.#bytes -= delivery.size;
  }

  filter(matches: (delivery: InFlightDelivery) => boolean): InFlightDelivery[] {
    const found: InFlightDelivery[] = [];
    for (let each = this.#first; each !== undefined; each = each.next) if (matches(each)) found.push(each);
    return found;
  }
}
