import { Deque } from "../runtime/deque.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";

interface BusyKey {
  /** The one that is worked on, or whose turn it is; `undefined` while the key waits for what is to come again. */
  current: InFlightDelivery | undefined;
  followers: Deque<InFlightDelivery> | undefined;
  /** Ids that are to come again before any follower, in this order, and those of them that have come. */
  awaited: Map<string, InFlightDelivery | undefined> | undefined;
}

/** Lets one delivery per ordering key be worked on at a time, in order of receipt. */
export class KeySchedule {
  readonly #busy = new Map<string, BusyKey>();

  /** True if it is this delivery's turn; otherwise it waits for those before it. */
  enter(key: string, delivery: InFlightDelivery): boolean {
    const busy = this.#busy.get(key);
    if (busy === undefined) {
      this.#busy.set(key, { current: delivery, followers: undefined, awaited: undefined });
      return true;
    }
    if (busy.awaited?.has(delivery.message.id)) {
      busy.awaited.set(delivery.message.id, delivery);
      return busy.current === undefined && this.#next(key, busy) === delivery;
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
    return busy === undefined || busy.current !== delivery ? undefined : this.#next(key, busy);
  }

  /** These were let go unsettled: until they have come again, nothing else of their key has its turn. */
  await(key: string, ids: readonly string[]): void {
    const busy = this.#busy.get(key);
    if (busy === undefined) return;
    const before = busy.awaited ?? [];
    busy.awaited = new Map(ids.map((id) => [id, undefined]));
    for (const [id, delivery] of before) if (!busy.awaited.has(id)) busy.awaited.set(id, delivery);
  }

  /** What has not come again by now is waited for no longer. Returns whose turn it is now. */
  stopAwaiting(key: string): InFlightDelivery | undefined {
    const busy = this.#busy.get(key);
    if (busy?.awaited === undefined) return undefined;
    for (const returned of [...busy.awaited.values()].reverse()) {
      if (returned === undefined) continue;
      busy.followers ??= new Deque();
      busy.followers.unshift(returned);
    }
    busy.awaited = undefined;
    return busy.current === undefined ? this.#next(key, busy) : undefined;
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
      for (const [id, each] of busy.awaited ?? [])
        if (each !== undefined && matches(each)) busy.awaited?.set(id, undefined);
      if (busy.current === undefined || !matches(busy.current)) continue;
      const next = this.leave(key, busy.current);
      if (next !== undefined) promoted.push(next);
    }
    return promoted;
  }

  #next(key: string, busy: BusyKey): InFlightDelivery | undefined {
    busy.current = undefined;
    for (const [id, returned] of busy.awaited ?? []) {
      if (returned === undefined) return undefined;
      busy.awaited?.delete(id);
      busy.current = returned;
      return returned;
    }
    busy.awaited = undefined;
    busy.current = busy.followers?.shift();
    if (busy.current === undefined) this.#busy.delete(key);
    return busy.current;
  }
}
