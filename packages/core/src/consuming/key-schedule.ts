import { Deque } from "../runtime/deque.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

interface BusyKey {
  current: InFlightDelivery;
  followers: Deque<InFlightDelivery> | undefined;
}

/** Lets one delivery per ordering key be worked on at a time, in order of receipt. */
export class KeySchedule {
  readonly #busy = new Map<string, BusyKey>();

  /** True if it is this delivery's turn; otherwise it waits for those before it. */
  enter(key: string, delivery: InFlightDelivery): boolean {
    const busy = this.#busy.get(key);
    if (busy === undefined) {
      this.#busy.set(key, { current: delivery, followers: undefined });
      return true;
    }
    busy.followers ??= new Deque();
    busy.followers.push(delivery);
    return false;
  }

  /** Whether others wait until it has ended. */
  hasFollowers(key: string): boolean {
    const followers = this.#busy.get(key)?.followers;
    return followers !== undefined && followers.size > 0;
  }

  /** The current one has ended: returns whose turn it is now. */
  leave(key: string, delivery: InFlightDelivery): InFlightDelivery | undefined {
    const busy = this.#busy.get(key);
    if (busy === undefined || busy.current !== delivery) return undefined;
    const next = busy.followers?.shift();
    if (next === undefined) this.#busy.delete(key);
    else busy.current = next;
    return next;
  }

  /**
   * Takes away deliveries that are not being worked on. What is being worked on
   * stays, so that the same key, delivered again, waits until that has ended.
   * Returns those whose turn has come through it.
   */
  drop(matches: (delivery: InFlightDelivery) => boolean): InFlightDelivery[] {
    const promoted: InFlightDelivery[] = [];
    for (const [key, busy] of this.#busy) {
      busy.followers?.retain((each) => !matches(each));
      if (!matches(busy.current)) continue;
      const next = this.leave(key, busy.current);
      if (next !== undefined) promoted.push(next);
    }
    return promoted;
  }
}
