import type { PartitionLog } from "../log/partition-log.ts";
import type { PublishedEvent } from "../wire/published-event.ts";
import { keyOf } from "./names.ts";
import { ReaderSlots } from "./reader-slots.ts";

/** One partition of a hub: its log, and who is waiting for more of it. */
export class Partition {
  readonly id: string;
  readonly log: PartitionLog;
  readonly #slots = new Map<string, ReaderSlots>();
  #waiting = new Set<() => void>();

  constructor(id: string, log: PartitionLog) {
    this.id = id;
    this.log = log;
  }

  /** Stores events; what it returns has to be waited for before they are confirmed. */
  append(events: readonly PublishedEvent[]): Promise<void> | undefined {
    this.log.append(events, Date.now());
    const woken = this.#waiting;
    this.#waiting = new Set();
    for (const wake of woken) wake();
    return this.log.sync();
  }

  /** Calls `wake` once, when there is something new. */
  whenAppended(wake: () => void): void {
    this.#waiting.add(wake);
  }

  stopWaiting(wake: () => void): void {
    this.#waiting.delete(wake);
  }

  /** Who reads here in a consumer group. */
  readersOf(group: string): ReaderSlots {
    const key = keyOf(group);
    let slots = this.#slots.get(key);
    if (slots === undefined) {
      slots = new ReaderSlots();
      this.#slots.set(key, slots);
    }
    return slots;
  }
}
