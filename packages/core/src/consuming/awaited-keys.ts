import { type Clock, monotonicNow } from "../runtime/clock.ts";
import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { KeySchedule } from "./key-schedule.ts";

/** Ordering keys that wait for what was let go, which is to come again before anything else of them, and until when. */
export class AwaitedKeys {
  readonly #keys: KeySchedule;
  readonly #clock: Clock;
  /** By the clock's steady time. */
  readonly #until = new Map<string, number>();

  constructor(keys: KeySchedule, clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  get size(): number {
    return this.#until.size;
  }

  await(letGo: Iterable<InFlightDelivery>, awaitMs: number): void {
    const idsByKey = new Map<string, string[]>();
    for (const { message } of letGo) {
      if (message.key === undefined) continue;
      const ids = idsByKey.get(message.key);
      if (ids === undefined) idsByKey.set(message.key, [message.id]);
      else ids.push(message.id);
    }
    const until = monotonicNow(this.#clock) + awaitMs;
    for (const [key, ids] of idsByKey) {
      this.#keys.await(key, ids);
      this.#until.set(key, until);
    }
  }

  /** What was awaited until then has had its chance. Returns whose turn it is now. */
  stop(until: number): InFlightDelivery[] {
    const promoted: InFlightDelivery[] = [];
    for (const [key, awaitedUntil] of this.#until) {
      if (awaitedUntil > until) continue;
      this.#until.delete(key);
      const next = this.#keys.stopAwaiting(key);
      if (next !== undefined) promoted.push(next);
    }
    return promoted;
  }
}
