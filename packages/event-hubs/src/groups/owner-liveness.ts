import type { PartitionOwnership } from "./checkpoint-store.ts";

interface Seen {
  readonly etag: string | undefined;
  readonly since: number;
  /** Whether it was written before our eyes: then no clock is asked. */
  readonly watched: boolean;
}

/** How much longer than a session a record must be old by the store's clock, which may differ from ours. */
const clockToleranceMs = 1_000;

/**
 * Which owners are alive: those that renewed their record within a session. That is
 * judged by watching records change, which needs no common clock; only what is older
 * than two sessions, from the store's time to ours, counts as dead at first sight.
 */
export class OwnerLiveness {
  readonly #sessionMs: number;
  #seen = new Map<string, Seen>();

  constructor(sessionMs: number) {
    this.#sessionMs = sessionMs;
  }

  /** The records of a listing whose owners are alive. Records not listed any more are forgotten. */
  living(records: readonly PartitionOwnership[], now: number, wallClock: number): PartitionOwnership[] {
    const seen = new Map<string, Seen>();
    const living: PartitionOwnership[] = [];
    for (const record of records) {
      const known = this.#seen.get(record.partitionId);
      const isKnown = known !== undefined && known.etag === record.etag;
      const current = isKnown ? known : { etag: record.etag, since: now, watched: known !== undefined };
      seen.set(record.partitionId, current);
      if (record.ownerId !== "" && !this.#isOver(record, current, now, wallClock)) living.push(record);
    }
    this.#seen = seen;
    return living;
  }

  #isOver(record: PartitionOwnership, { since, watched }: Seen, now: number, wallClock: number): boolean {
    if (now - since >= this.#sessionMs) return true;
    if (watched) return false;
    const modified = record.lastModifiedTimeInMs;
    return modified !== undefined && wallClock - modified > 2 * this.#sessionMs + clockToleranceMs;
  }
}
