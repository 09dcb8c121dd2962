import type { Feature } from "../spi/capabilities.ts";
import type { AfterDeadLetter, DeadLetterPolicy, RetryPolicy } from "./failure-policy.ts";
import type { Gated } from "./gated.ts";
import type { HandleMiddleware } from "./middleware.ts";

/** What consumers of every kind can be told: how many messages at once, what follows a failure, middleware. */
export interface ConsumeOptions {
  /** The most handlers at once. Default 10. */
  readonly concurrency?: number | undefined;
  /**
   * The most messages held that run or could. At least `concurrency`. Default: the larger of 100 and
   * 4 × `concurrency`, growing up to 1000 while handlers are quick, where the adapter can change it. What
   * waits behind its ordering key, or in place for its next attempt, is held beside them: see `prefetchBytes`.
   */
  readonly prefetch?: number | undefined;
  /**
   * The most bytes held (bodies, keys and headers) of messages that run or could; one message always fits.
   * Twice as many again may wait behind their ordering key, or in place for their next attempt: some 100,000
   * small messages by default, as each counts with 1 KiB beside its body. Default 64 MiB.
   */
  readonly prefetchBytes?: number | undefined;
  /** What happens after a failure. Default: 5 attempts, exponential backoff from 1 s to 5 min with jitter. */
  readonly retry?: RetryPolicy | undefined;
  /** Where a message goes that failed for good. Default: a derived queue, see `deadLetterOf`. */
  readonly deadLetter?: DeadLetterPolicy | undefined;
  /** Around every handler call, outermost first; inside the client's own. */
  readonly use?: readonly HandleMiddleware[] | undefined;
  /** The longest that a message is kept from the broker by renewing its lease, in milliseconds. Default 12 hours. */
  readonly maxLeaseMs?: number | undefined;
  /** Closes the subscription when it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** For contracts with an ordering key, where the driver keeps order. */
export type OrderedConsumeOptions<F extends Feature = Feature> = Gated<
  F,
  "ordering",
  {
    /**
     * What follows a dead-lettered message of an ordering key. Default `"continue"`: the next message of the
     * key. `"block"`: nothing of that key, until the dead-lettered message is redriven or removed from its
     * dead-letter queue, which may be noticed up to some minutes later; other keys go on. Told of once as
     * `KEY_BLOCKED`. Needs a contract with a `key` and a dead-letter queue.
     */
    readonly afterDeadLetter?: AfterDeadLetter | undefined;
  }
>;

/** A key can wait for a dead-lettered message only where that is kept. */
export type BlockedOrDiscarded =
  | { readonly afterDeadLetter?: "continue" | undefined }
  | { readonly deadLetter?: Exclude<DeadLetterPolicy, "discard"> | undefined };

declare const withoutKey: unique symbol;

/** Stands, in a compiler's message, for a contract without an ordering key. No value is of this type. */
export interface GiveTheContractAKey {
  readonly [withoutKey]: never;
}

/** `OrderedConsumeOptions` for a contract that has an ordering key for sure; for others what they take of it. */
export type OptionsByOrder<F extends Feature, Ordered extends boolean> = [Ordered] extends [true]
  ? OrderedConsumeOptions<F> & BlockedOrDiscarded
  : { readonly afterDeadLetter?: "continue" | GiveTheContractAKey | undefined };
