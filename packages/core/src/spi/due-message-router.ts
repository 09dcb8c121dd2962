import { monotonicNow, systemClock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import { delayTierFor } from "./delay-tiers.ts";
import { ExponentialBackoff } from "./exponential-backoff.ts";
import type { PublishOutcome } from "./settlement.ts";

/** A message of a delay tier, as it was stored there: it carries how long it waits, not until when. */
export interface DelayedMessage<M> {
  readonly message: M;
  /** How long it had still to wait when it entered the tier, in milliseconds. */
  readonly waitMs: number;
  /** When it entered the tier by the broker's clock, milliseconds since the epoch; `undefined` where nobody wrote it. */
  readonly enteredAt: number | undefined;
  /** The topic it is for; `undefined` for what does not say and was never ours: that is dropped. */
  readonly destination: string | undefined;
  /** For how long, once its wait is over, its destination will have been missing at every try; in milliseconds. */
  readonly missingMs: number | undefined;
}

/** A message that leaves its delay tier. */
export interface LeavingMessage<M> extends Pick<DelayedMessage<M>, "message" | "destination" | "missingMs"> {
  /** When it is to be delivered, or tried once more, in milliseconds of `performance.now()`. */
  readonly dueAt: number;
}

/** A message on its way to a delay tier, and what it is to carry there. */
export type WaitingMessage<M> = Pick<DelayedMessage<M>, "message" | "waitMs" | "missingMs">;

/** How an adapter stores messages that leave a delay tier. Both methods answer in bounded time, one outcome each, in order. */
export interface DelayStore<M> {
  /** Stores messages where they belong, without what they carried while they waited. */
  deliver(destination: string, messages: readonly M[]): Promise<readonly PublishOutcome[]>;
  /** Stores messages in a tier, each with how long it has still to wait there in place of what it carried before. */
  keep(tier: number, messages: readonly WaitingMessage<M>[]): Promise<readonly PublishOutcome[]>;
}

/** Where a `DueMessageRouter` stores messages, and how it tells failures apart. */
export interface DueMessageRouterOptions<M> {
  readonly store: DelayStore<M>;
  /** The number of tiers. */
  readonly tiers: number;
  /** Whether the same message may be stored later without anybody doing something. */
  isTransient(cause: unknown): boolean;
  /** Whether the destination does not exist. */
  isMissing(cause: unknown): boolean;
  /** Whether the message can be written nowhere again: then it is given up. */
  isUnwritable(cause: unknown): boolean;
  /** Something failed that will be tried again, or is given up. */
  report(cause: unknown): void;
  /** Fires when nobody waits for it any more, so that what fails need not be tried again. */
  readonly signal: AbortSignal;
}

/** For how long a destination may be missing, at every try, before what is due for it is given up. */
const missingMs = 60_000;
/** When to try again what its destination did not take: nothing waits behind it meanwhile. */
const againMs = 1_000;
/** The same where only a change by somebody can help. */
const refusedAgainMs = 16_000;
const backoff = { firstMs: 100, maxMs: 2_000 };

/** Stores what is to leave its delay tier where it goes from there: at its destination, or in another tier. */
export class DueMessageRouter<M> {
  readonly #options: DueMessageRouterOptions<M>;

  constructor(options: DueMessageRouterOptions<M>) {
    this.#options = options;
  }

  /** Resolves when all of these are stored at their next place, in their order, or are given up and reported. */
  async route(leaving: readonly LeavingMessage<M>[]): Promise<void> {
    const now = monotonicNow(systemClock);
    const due = leaving.filter(({ dueAt }) => dueAt <= now);
    const early = leaving.filter(({ dueAt }) => dueAt > now);
    const byDestination = Map.groupBy(due, ({ destination }) => destination);
    await Promise.all([
      ...[...byDestination].map(([destination, all]) =>
        destination === undefined ? undefined : this.#deliver(destination, all),
      ),
      this.#keep(early),
    ]);
  }

  /** What its destination does not take goes back to a tier, so that nobody waits behind it. */
  async #deliver(destination: string, all: readonly LeavingMessage<M>[]): Promise<void> {
    const { store, isTransient, isMissing, isUnwritable, report } = this.#options;
    const outcomes = await store.deliver(
      destination,
      all.map(({ message }) => message),
    );
    const now = monotonicNow(systemClock);
    const back: LeavingMessage<M>[] = [];
    for (const [i, one] of all.entries()) {
      const outcome = outcomes[i];
      if (outcome?.ok) continue;
      const cause = outcome?.cause;
      report(cause);
      if (isUnwritable(cause)) continue;
      const missing = isMissing(cause);
      // A topic or queue that was removed leaves messages without a destination: they go with it.
      if (missing && one.missingMs !== undefined && one.missingMs >= missingMs) continue;
      const afterMs = missing || isTransient(cause) ? againMs : refusedAgainMs;
      // What passes between the tries is not counted, since no two clocks can be trusted with that.
      const waited = missing ? (one.missingMs ?? 0) + afterMs : undefined;
      back.push({ ...one, dueAt: now + afterMs, missingMs: waited });
    }
    await this.#keep(back);
  }

  /** Stores these in tiers, however often it takes: they are nowhere else. */
  async #keep(all: readonly LeavingMessage<M>[]): Promise<void> {
    const { tiers, signal } = this.#options;
    const pauses = new ExponentialBackoff(backoff);
    for (let left = all; left.length > 0; ) {
      const now = monotonicNow(systemClock);
      const byTier = Map.groupBy(left, ({ dueAt }) => delayTierFor(dueAt - now, tiers));
      const failed = await Promise.all([...byTier].map(([tier, own]) => this.#keepIn(tier, own, now)));
      left = failed.flat();
      if (left.length === 0) return;
      if (signal.aborted) throw new Error("The forwarder of delayed messages was closed before it was done.");
      await sleep(systemClock, pauses.next(), signal);
    }
  }

  /** Resolves with those that were not stored. */
  async #keepIn(
    tier: number,
    all: readonly LeavingMessage<M>[],
    now: number,
  ): Promise<readonly LeavingMessage<M>[]> {
    const { store, isUnwritable, report } = this.#options;
    const outcomes = await store.keep(
      tier,
      all.map(({ message, dueAt, missingMs }) => ({ message, waitMs: Math.max(0, dueAt - now), missingMs })),
    );
    return all.filter((_, i) => {
      const outcome = outcomes[i];
      if (outcome?.ok) return false;
      report(outcome?.cause);
      return !isUnwritable(outcome?.cause);
    });
  }
}
