import { systemClock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import { delayTierFor } from "./delay-tiers.ts";
import { ExponentialBackoff } from "./exponential-backoff.ts";
import type { PublishOutcome } from "./settlement.ts";

/** A message that waits in a delay tier. Times are milliseconds since the epoch. */
export interface DelayedMessage<M> {
  readonly message: M;
  /** When it is to be delivered, or tried once more. */
  readonly dueAt: number;
  /** When it entered its tier. */
  readonly enteredAt: number;
  /** The topic it is for; `undefined` for what does not say and was never ours. */
  readonly destination: string | undefined;
  /** Since when its destination has been missing at every try. */
  readonly missingSince: number | undefined;
}

/** How an adapter stores messages that leave a delay tier. Both methods answer in bounded time, one outcome each, in order. */
export interface DelayStore<M> {
  /** Stores messages where they belong, without what they carried while they waited. */
  deliver(destination: string, messages: readonly M[]): Promise<readonly PublishOutcome[]>;
  /** Stores messages in a tier, to wait there. */
  keep(tier: number, messages: readonly M[]): Promise<readonly PublishOutcome[]>;
  /** The message with a note of when to try it again, and since when its destination has been missing. */
  postponed(message: M, until: number, missingSince: number | undefined): M;
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
  async route(leaving: readonly DelayedMessage<M>[]): Promise<void> {
    const now = Date.now();
    const due = leaving.filter(({ dueAt }) => dueAt <= now);
    const early = leaving.filter(({ dueAt }) => dueAt > now);
    const byDestination = Map.groupBy(due, ({ destination }) => destination);
    const byTier = Map.groupBy(early, ({ dueAt }) => delayTierFor(dueAt - now, this.#options.tiers));
    await Promise.all([
      ...[...byDestination].map(([destination, all]) =>
        destination === undefined ? undefined : this.#deliver(destination, all),
      ),
      ...[...byTier].map(([tier, all]) =>
        this.#keep(
          tier,
          all.map(({ message }) => message),
        ),
      ),
    ]);
  }

  /** What its destination does not take goes back to a tier, so that nobody waits behind it. */
  async #deliver(destination: string, all: readonly DelayedMessage<M>[]): Promise<void> {
    const { store, tiers, isTransient, isMissing, isUnwritable, report } = this.#options;
    const outcomes = await store.deliver(
      destination,
      all.map(({ message }) => message),
    );
    const now = Date.now();
    const back: { readonly message: M; readonly missingSince: number | undefined }[] = [];
    let afterMs = againMs;
    for (const [i, { message, missingSince: before }] of all.entries()) {
      const outcome = outcomes[i];
      if (outcome?.ok) continue;
      const cause = outcome?.cause;
      report(cause);
      if (isUnwritable(cause)) continue;
      const missingSince = isMissing(cause) ? (before ?? now) : undefined;
      // A topic or queue that was removed leaves messages without a destination: they go with it.
      if (missingSince !== undefined && now - missingSince >= missingMs) continue;
      if (missingSince === undefined && !isTransient(cause)) afterMs = refusedAgainMs;
      back.push({ message, missingSince });
    }
    if (back.length === 0) return;
    await this.#keep(
      delayTierFor(afterMs, tiers),
      back.map(({ message, missingSince }) => store.postponed(message, now + afterMs, missingSince)),
    );
  }

  /** Stores these in a tier, however often it takes: they are nowhere else. */
  async #keep(tier: number, all: readonly M[]): Promise<void> {
    const { store, isUnwritable, report, signal } = this.#options;
    const pauses = new ExponentialBackoff(backoff);
    for (let left = all; ; ) {
      const outcomes = await store.keep(tier, left);
      const failed: M[] = [];
      for (const [i, message] of left.entries()) {
        const outcome = outcomes[i];
        if (outcome?.ok) continue;
        report(outcome?.cause);
        if (!isUnwritable(outcome?.cause)) failed.push(message);
      }
      if (failed.length === 0) return;
      if (signal.aborted) throw new Error("The forwarder of delayed messages was closed before it was done.");
      left = failed;
      await sleep(systemClock, pauses.next(), signal);
    }
  }
}
