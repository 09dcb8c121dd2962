import { mostIds } from "../client/script.ts";
import { claim } from "../client/scripts/claim.ts";
import { extend } from "../client/scripts/extend.ts";
import { handBack } from "../client/scripts/hand-back.ts";
import type { RedisDelivery, Side, Unsettled } from "../delivery.ts";
import type { StreamKeys } from "../naming.ts";
import { fresh, takenOver } from "../receiving/deliveries.ts";
import type { Intake, IntakeContext } from "./intake.ts";

/** While there is a backlog, returns are looked for with every so many reads. */
const returnsEvery = 4;
/** The most to take over at once from a member that died. */
const mostClaimed = 100;
/** How often at least to look for members that died, in milliseconds. */
const longestScanMs = 5_000;

interface Ahead {
  readonly read: Promise<readonly RedisDelivery[]>;
  /** What it has brought, and nobody has asked for yet. */
  found: readonly RedisDelivery[];
}

/** Members compete for entries; each entry has a lease of its own: its idle time. */
export class CompetingIntake implements Intake {
  readonly #context: IntakeContext;
  readonly #scanMs: number;
  #nextScan = 0;
  #interrupted = false;
  #turn = 0;
  /** The last read brought as many as it asked for. */
  #backlog = false;
  #ahead: Ahead | undefined;

  constructor(context: IntakeContext) {
    this.#context = context;
    this.#scanMs = Math.min(longestScanMs, context.leaseMs / 3);
  }

  async fetch(max: number): Promise<readonly RedisDelivery[]> {
    const ahead = this.#ahead;
    if (ahead !== undefined) {
      const found = await ahead.read;
      this.#ahead = undefined;
      if (found.length > 0) return this.#withMoreAhead(found);
    }
    if (performance.now() >= this.#nextScan) {
      const taken = await this.#takeOver(Math.min(max, mostClaimed));
      if (taken.length > 0) return taken;
    }
    if (this.#interrupted) return [];
    if (this.#backlog) {
      const found = await this.#readBacklog(max);
      if (found.length > 0) return this.#withMoreAhead(found);
    }
    const { keys, reader, budget } = this.#context;
    if (max === 1) {
      // COUNT is per stream, so the last free place cannot be offered to both at once.
      const returned = await this.#read([keys.returns], 1, []);
      if (returned.length > 0) return returned;
    }
    if (this.#interrupted) return [];
    const count = Math.max(1, budget.count(max) >> 1);
    const found = await this.#read([keys.returns, keys.main], count, ["BLOCK", reader.blockMs]);
    // As many as were asked for: there is more.
    this.#backlog = found.length >= count;
    return this.#withMoreAhead(found);
  }

  async interrupt(): Promise<void> {
    this.#interrupted = true;
    await this.#context.reader.interrupt();
    await this.#ahead?.read.catch(() => {});
  }

  /** Sends the next read before core asks for it, within the prefetch: the server works while core does. */
  #withMoreAhead(found: readonly RedisDelivery[]): readonly RedisDelivery[] {
    const count = this.#backlog && !this.#interrupted ? this.#context.budget.countAhead() : 0;
    if (count === 0 || performance.now() >= this.#nextScan) return found;
    const read = this.#readBacklog(count);
    const ahead: Ahead = { read, found: [] };
    // Whoever awaits it next hears of a failure.
    read.then(
      (brought) => {
        ahead.found = brought;
      },
      () => {},
    );
    this.#ahead = ahead;
    return found;
  }

  /** Reads without waiting what is known to be there, mostly from the main stream: the other is mostly empty. */
  async #readBacklog(most: number): Promise<readonly RedisDelivery[]> {
    const { keys, budget } = this.#context;
    this.#turn = (this.#turn + 1) % returnsEvery;
    const both = this.#turn === 0 && most > 1;
    // COUNT is per stream, so both at once get half each.
    const count = both ? Math.max(1, budget.count(most) >> 1) : budget.count(most);
    const found = await this.#read(both ? [keys.returns, keys.main] : [keys.main], count, []);
    this.#backlog = found.length >= count;
    return found;
  }

  isLeased(delivery: RedisDelivery, now: number): boolean {
    return now - delivery.leasedAt < this.#context.leaseMs;
  }

  /** Half of the lease is left for a stalled process or a slow network to use up. */
  trusts(delivery: RedisDelivery, now: number): boolean {
    return now - delivery.leasedAt < this.#context.leaseMs / 2;
  }

  /** What was read ahead is leased too, and core does not know of it. */
  async extend(deliveries: readonly RedisDelivery[]): Promise<readonly RedisDelivery[]> {
    const held = [...deliveries, ...(this.#ahead?.found ?? [])];
    const lost: RedisDelivery[] = [];
    for (const side of ["main", "returns"] as const) {
      const own = held.filter((delivery) => delivery.side === side);
      for (let from = 0; from < own.length; from += mostIds)
        lost.push(...(await this.#extendSide(side, own.slice(from, from + mostIds))));
    }
    return lost;
  }

  async #extendSide(side: Side, own: readonly RedisDelivery[]): Promise<RedisDelivery[]> {
    const { commands, keys, consumer } = this.#context;
    const now = performance.now();
    const lost = new Set(await extend(commands, keys[side].stream, keys.group, consumer, own));
    for (let i = 0; i < own.length; i++) if (!lost.has(i)) (own[i] as RedisDelivery).leasedAt = now;
    return own.filter((_, index) => lost.has(index));
  }

  handBack(unsettled: Unsettled): Promise<void> {
    const { commands, keys, consumer } = this.#context;
    return handBack(commands, keys, consumer, unsettled);
  }

  /** What has been idle for longer than its lease: its consumer is dead, or has given up on it. */
  async #takeOver(max: number): Promise<readonly RedisDelivery[]> {
    const { commands, keys, consumer, leaseMs, mapping, budget } = this.#context;
    const taken: RedisDelivery[] = [];
    for (const side of ["returns", "main"] as const) {
      const now = performance.now();
      const room = budget.count(max) - taken.length;
      // There may be more: look again with the next fetch.
      if (room <= 0) return taken;
      const found = await claim(commands, keys, side, consumer, leaseMs, "-", room);
      const deliveries = takenOver(mapping, side, found, now);
      budget.fetched(deliveries);
      taken.push(...deliveries);
      if (found.next !== undefined) return taken;
    }
    // Members should not all scan at the same moment.
    this.#nextScan = performance.now() + this.#scanMs * (0.75 + Math.random() / 4);
    return taken;
  }

  async #read(
    from: readonly StreamKeys[],
    count: number,
    block: readonly (string | number)[],
  ): Promise<readonly RedisDelivery[]> {
    const { keys, consumer, reader, mapping, budget } = this.#context;
    const now = performance.now();
    const streams = [...from.map(({ stream }) => stream), ...from.map(() => ">")];
    const options = ["GROUP", keys.group, consumer, "COUNT", count, ...block];
    const replies = await reader.block("xreadgroup", [...options, "STREAMS", ...streams]);
    const deliveries: RedisDelivery[] = [];
    for (const [stream, entries] of replies) {
      const side = String(stream) === keys.main.stream ? "main" : "returns";
      for (const entry of entries) deliveries.push(fresh(mapping, side, entry, now));
    }
    budget.fetched(deliveries);
    return deliveries;
  }
}
