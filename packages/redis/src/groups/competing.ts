import { mostIds } from "../client/script.ts";
import { claim } from "../client/scripts/claim.ts";
import { extend } from "../client/scripts/extend.ts";
import { handBack } from "../client/scripts/hand-back.ts";
import type { RedisDelivery, Side, StartedEntries } from "../delivery.ts";
import type { StreamKeys } from "../naming.ts";
import { fresh, takenOver } from "../receiving/deliveries.ts";
import type { Intake, IntakeContext } from "./intake.ts";

/** For fewer than this, reading ahead is not worth a command. */
const leastAhead = 32;
/** While there is a backlog, returns are looked for with every so many reads. */
const returnsEvery = 4;
/** The most to take over at once from a member that died. */
const mostClaimed = 100;
/** How often at least to look for members that died, in milliseconds. */
const longestScanMs = 5_000;

interface Ahead {
  readonly count: number;
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
  /** Sent before it was asked for, within the room that was left: the server works while core does. */
  #ahead: Ahead | undefined;

  constructor(context: IntakeContext) {
    this.#context = context;
    this.#scanMs = Math.min(longestScanMs, context.leaseMs / 3);
  }

  async fetch(max: number): Promise<readonly RedisDelivery[]> {
    const scan = performance.now() >= this.#nextScan;
    for (let ahead = this.#ahead; ahead !== undefined; ahead = this.#ahead) {
      this.#readAhead(scan ? 0 : max - ahead.count);
      const found = await ahead.read;
      if (found.length > 0) return found;
    }
    if (scan) {
      const taken = await this.#takeOver(Math.min(max, mostClaimed));
      if (taken.length > 0) return taken;
    }
    const { keys, reader } = this.#context;
    if (max === 1) {
      // COUNT is per stream, so the last free place cannot be offered to both at once.
      const returned = await this.#read([keys.returns], 1, []);
      if (returned.length > 0) return returned;
    }
    if (this.#interrupted) return [];
    const count = Math.max(1, max >> 1);
    const found = await this.#read([keys.returns, keys.main], count, ["BLOCK", reader.blockMs]);
    // As many as were asked for: there is a backlog.
    if (found.length >= count) this.#readAhead(max - found.length);
    return found;
  }

  async interrupt(): Promise<void> {
    this.#interrupted = true;
    await this.#context.reader.interrupt();
    await this.#ahead?.read.catch(() => {});
  }

  #readAhead(room: number): void {
    this.#ahead = undefined;
    if (room < leastAhead || this.#interrupted) return;
    const { returns, main } = this.#context.keys;
    // COUNT is per stream, so both at once get half the room each; the returns are mostly empty.
    this.#turn = (this.#turn + 1) % returnsEvery;
    const read = this.#turn === 0 ? this.#read([returns, main], room >> 1, []) : this.#read([main], room, []);
    const ahead: Ahead = { count: room, read, found: [] };
    // Whoever awaits it next hears of a failure.
    read.then(
      (found) => {
        ahead.found = found;
      },
      () => {},
    );
    this.#ahead = ahead;
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

  handBack(started: StartedEntries): Promise<void> {
    const { commands, keys, consumer } = this.#context;
    return handBack(commands, keys, consumer, started);
  }

  /** What has been idle for longer than its lease: its consumer is dead, or has given up on it. */
  async #takeOver(max: number): Promise<readonly RedisDelivery[]> {
    const { commands, keys, consumer, leaseMs, mapping } = this.#context;
    const taken: RedisDelivery[] = [];
    for (const side of ["returns", "main"] as const) {
      const now = performance.now();
      const room = max - taken.length;
      // There may be more: look again with the next fetch.
      if (room === 0) return taken;
      const found = await claim(commands, keys[side].stream, keys.group, consumer, leaseMs, "-", room);
      taken.push(...takenOver(mapping, side, found, now));
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
    const { keys, consumer, reader, mapping } = this.#context;
    const now = performance.now();
    const streams = [...from.map(({ stream }) => stream), ...from.map(() => ">")];
    const options = ["GROUP", keys.group, consumer, "COUNT", count, ...block];
    const replies = await reader.block("xreadgroup", [...options, "STREAMS", ...streams]);
    const deliveries: RedisDelivery[] = [];
    for (const [stream, entries] of replies) {
      const side = String(stream) === keys.main.stream ? "main" : "returns";
      for (const entry of entries) deliveries.push(fresh(mapping, side, entry, now));
    }
    return deliveries;
  }
}
