import { setTimeout as sleep } from "node:timers/promises";
import type { Message } from "rhea";
import { isMissing, isTransient } from "../errors.ts";
import type { Publisher } from "../publishing/publisher.ts";
import { rungOf, type Waiting } from "./ladder.ts";
import { encodeAgain, keyOf, released, withAgain } from "./rewriting.ts";

export interface ForwarderOptions {
  /** The delay hub, and its partitions from the lowest rung to the highest. */
  readonly hub: string;
  readonly rungs: readonly string[];
  /** Something failed that will be tried again, or is given up. */
  onTrouble(cause: unknown): void;
  /** Whether nobody waits for it any more, so that what fails need not be tried again. */
  isOver(): boolean;
}

/** For how long a destination may be missing, at every try, before what is due for it is given up. */
const missingMs = 60_000;
/** When to try again what its destination did not take: nothing waits behind it meanwhile. */
const againMs = 1_000;
/** The same where only a change by somebody can help. */
const refusedAgainMs = 16_000;
const backoff = { firstMs: 100, mostMs: 2_000 };

interface Parcel {
  readonly waiting: Waiting;
  readonly payload: Buffer;
}

/** Stores what is to leave its rung where it goes from there: in the hub it is for, or on another rung. */
export class Forwarder {
  readonly #publisher: Publisher;
  readonly #options: ForwarderOptions;

  constructor(publisher: Publisher, options: ForwarderOptions) {
    this.#publisher = publisher;
    this.#options = options;
  }

  /** Stores all of these at their next place, in their order. */
  async forward(due: readonly Waiting[]): Promise<void> {
    const now = Date.now();
    const byHub = Map.groupBy(
      due.filter(({ next }) => next <= now),
      ({ to }) => to,
    );
    const byRung = Map.groupBy(
      due.filter(({ next }) => next > now),
      ({ next }) => this.#rungFor(next - now),
    );
    await Promise.all([
      // Who does not say where it belongs was never ours; there is nothing to be done for it.
      ...[...byHub].map(([hub, all]) => (hub === undefined ? undefined : this.#deliver(hub, all))),
      ...[...byRung].map(([rung, all]) => this.#keep(rung, all)),
    ]);
  }

  /** What its destination does not take goes back to the ladder, so that nobody waits behind it. */
  async #deliver(hub: string, all: readonly Waiting[]): Promise<void> {
    const parcels = this.#written(all, released);
    const outcomes = await this.#publisher.deliver(
      hub,
      parcels.map(({ waiting, payload }) => ({ payload, key: keyOf(waiting.message) })),
    );
    const now = Date.now();
    const back: Waiting[] = [];
    let afterMs = againMs;
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.ok) continue;
      const { cause } = outcome;
      const { waiting } = parcels[i] as Parcel;
      this.#options.onTrouble(cause);
      const missingSince = isMissing(cause) ? (waiting.missingSince ?? now) : undefined;
      // A topic or queue that was removed leaves messages without a destination: they go with it.
      if (missingSince !== undefined && now - missingSince >= missingMs) continue;
      if (missingSince === undefined && !isTransient(cause)) afterMs = refusedAgainMs;
      back.push({ ...waiting, missingSince });
    }
    if (back.length === 0) return;
    const again = now + afterMs;
    await this.#keep(
      this.#rungFor(afterMs),
      back.map((one) => ({ ...one, message: withAgain(one.message, again, one.missingSince) })),
    );
  }

  /** Stores these on a rung, however often it takes: they are nowhere else. */
  async #keep(rung: string, all: readonly Waiting[]): Promise<void> {
    const parcels = this.#written(all, (message) =>
      encodeAgain(message, message.application_properties ?? {}),
    );
    let left = parcels.map(({ payload }) => payload);
    for (let waitMs = backoff.firstMs; ; waitMs = Math.min(backoff.mostMs, waitMs * 2)) {
      const outcomes = await this.#publisher.storeAt(this.#options.hub, rung, left);
      left = left.filter((_, i) => outcomes[i]?.ok === false);
      if (left.length === 0) return;
      for (const outcome of outcomes) if (!outcome.ok) this.#options.onTrouble(outcome.cause);
      if (this.#options.isOver()) throw new Error("The mover was closed before it was done.");
      await sleep(waitMs);
    }
  }

  /** What others have put here may not be possible to write again: that is given up, and takes nothing along. */
  #written(all: readonly Waiting[], write: (message: Message) => Buffer): Parcel[] {
    return all.flatMap((waiting) => {
      try {
        return { waiting, payload: write(waiting.message) };
      } catch (cause) {
        this.#options.onTrouble(cause);
        return [];
      }
    });
  }

  #rungFor(remainingMs: number): string {
    const { rungs } = this.#options;
    return rungs[rungOf(remainingMs, rungs.length)] as string;
  }
}
