import { setTimeout as sleep } from "node:timers/promises";
import { MessagingError } from "@waybill/core/spi";
import { claim, type RawEntry } from "../client/scripts/claim.ts";
import { handBackInPlace } from "../client/scripts/hand-back.ts";
import { hold, release, renew } from "../client/scripts/lock.ts";
import { take } from "../client/scripts/take.ts";
import type { RedisDelivery, Side, Unsettled } from "../delivery.ts";
import { fresh, takenOver } from "../receiving/deliveries.ts";
import type { Intake, IntakeContext } from "./intake.ts";

/** How often a member that stands by asks for the lock, in milliseconds. */
const standbyMs = 500;
/** The one partition of an ordered group: all of it moves together. */
export const onlyPartition = "all";

/**
 * One member at a time reads an ordered group: the one that holds its lock. New
 * entries are taken in the same step that checks the lock, and a new holder first
 * takes over all that is pending, in order; so nothing overtakes.
 */
export class ExclusiveIntake implements Intake {
  readonly #context: IntakeContext;
  readonly #onLost: () => void;
  readonly #stop = new AbortController();
  /** Until when (by `performance.now`) nobody else can hold the lock; 0 while standing by. */
  #heldUntil = 0;
  #heldSince = 0;
  #renewal: NodeJS.Timeout | undefined;
  /** From where each stream's pending entries are still to be taken over; `undefined` when that is done. */
  readonly #pending: Record<Side, string | undefined> = { returns: "-", main: "-" };

  constructor(context: IntakeContext, onLost: () => void) {
    this.#context = context;
    this.#onLost = onLost;
  }

  async fetch(max: number): Promise<readonly RedisDelivery[]> {
    if (!(await this.#holds())) return [];
    const deliveries = (await this.#old(max)) ?? (await this.#new(max));
    // What was taken under a lock that has run out since is the next holder's.
    if (this.#stillHolds()) return deliveries;
    for (const delivery of deliveries) this.#context.budget.released(delivery);
    return [];
  }

  interrupt(): Promise<void> {
    this.#stop.abort();
    return this.#context.reader.interrupt();
  }

  isLeased(): boolean {
    // A member that loses the lock forgets all that it had.
    return true;
  }

  trusts(delivery: RedisDelivery, now: number): boolean {
    return delivery.leasedAt >= this.#heldSince && this.#heldUntil - now > this.#context.leaseMs / 2;
  }

  /** The lock is the lease of all, has a timer of its own, and takes its partition along when it is lost. */
  async extend(): Promise<readonly RedisDelivery[]> {
    return [];
  }

  async handBack(unsettled: Unsettled): Promise<void> {
    const { commands, keys, consumer } = this.#context;
    clearInterval(this.#renewal);
    await handBackInPlace(commands, keys, consumer, unsettled);
    await release(commands, keys.lock, consumer);
  }

  async #holds(): Promise<boolean> {
    if (this.#heldUntil > 0) return this.#stillHolds();
    const { commands, keys, consumer, leaseMs } = this.#context;
    const now = performance.now();
    if (!(await hold(commands, keys.lock, consumer, leaseMs))) {
      await sleep(standbyMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      return false;
    }
    this.#heldSince = now;
    this.#heldUntil = now + leaseMs;
    this.#pending.returns = "-";
    this.#pending.main = "-";
    clearInterval(this.#renewal);
    this.#renewal = setInterval(() => void this.#renew(), leaseMs / 3);
    this.#renewal.unref();
    return true;
  }

  #stillHolds(): boolean {
    if (performance.now() < this.#heldUntil) return true;
    this.#lost();
    return false;
  }

  async #renew(): Promise<void> {
    const { commands, keys, consumer, leaseMs } = this.#context;
    const now = performance.now();
    const since = this.#heldSince;
    try {
      const renewed = await renew(commands, keys.lock, consumer, leaseMs);
      if (since !== this.#heldSince) return;
      if (renewed) this.#heldUntil = Math.max(this.#heldUntil, now + leaseMs);
      else this.#lost();
    } catch {
      // Whether it is still held is then a question of time.
      this.#stillHolds();
    }
  }

  #lost(): void {
    if (this.#heldUntil === 0) return;
    this.#heldUntil = 0;
    clearInterval(this.#renewal);
    this.#onLost();
  }

  /** What an earlier holder left pending, oldest first; `undefined` once there is no more. */
  async #old(max: number): Promise<readonly RedisDelivery[] | undefined> {
    const { commands, keys, consumer, mapping, budget } = this.#context;
    for (const side of ["returns", "main"] as const) {
      for (let from = this.#pending[side]; from !== undefined; from = this.#pending[side]) {
        const now = performance.now();
        const found = await claim(commands, keys, side, consumer, 0, from, budget.count(max));
        if (found.damaged > 0) this.#context.report(damagedBackoffs(found.damaged, keys.backoffs));
        this.#pending[side] = found.next;
        if (found.entries.length > 0) return this.#got(takenOver(mapping, side, found, now));
      }
    }
    return undefined;
  }

  async #new(max: number): Promise<readonly RedisDelivery[]> {
    const { keys, reader } = this.#context;
    const taken = await this.#take(max);
    if ("deliveries" in taken) return taken.deliveries;
    if (this.#stop.signal.aborted) return [];
    // This read takes nothing: it only tells that there is something to take.
    const streams = [keys.returns.stream, keys.main.stream, ...taken.after];
    const news = await reader.block("xread", ["COUNT", 1, "BLOCK", reader.blockMs, "STREAMS", ...streams]);
    if (news.length === 0) return [];
    const again = await this.#take(max);
    return "deliveries" in again ? again.deliveries : [];
  }

  async #take(
    max: number,
  ): Promise<{ readonly deliveries: RedisDelivery[] } | { readonly after: readonly string[] }> {
    const { keys, consumer, reader, leaseMs, mapping, budget } = this.#context;
    const now = performance.now();
    const taken = await take(reader.client, keys, consumer, leaseMs, budget.count(max));
    if (taken.kind === "lost") {
      this.#lost();
      return { deliveries: [] };
    }
    this.#heldUntil = Math.max(this.#heldUntil, now + leaseMs);
    if (taken.kind === "empty") return { after: taken.after };
    const deliveries = (side: Side, entries: readonly RawEntry[]) =>
      entries.map((entry) => fresh(mapping, side, entry, now));
    return {
      deliveries: this.#got([...deliveries("returns", taken.returns), ...deliveries("main", taken.main)]),
    };
  }

  #got(deliveries: RedisDelivery[]): RedisDelivery[] {
    for (const delivery of deliveries) delivery.partition = onlyPartition;
    this.#context.budget.fetched(deliveries);
    return deliveries;
  }
}

function damagedBackoffs(count: number, key: string): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    `${count} of the waits noted in "${key}" cannot be read, and their messages come at once.`,
    { remedy: "See who else writes to that key: only Waybill should." },
  );
}
