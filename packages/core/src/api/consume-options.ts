import type { DeadLetterPolicy, RetryPolicy } from "./failure-policy.ts";
import type { HandleMiddleware } from "./middleware.ts";

export interface ConsumeOptions {
  /** The most handlers at once. Default 10. */
  readonly concurrency?: number | undefined;
  /**
   * The most messages held, running ones included. At least `concurrency`. Default: the larger of 100 and
   * 4 × `concurrency`, growing up to 1000 while handlers are quick, where the adapter can change it.
   */
  readonly prefetch?: number | undefined;
  /**
   * The most bytes held (bodies, keys and headers), running ones included; one message always fits.
   * Twice as many again may wait behind their ordering key, or in place for their next attempt.
   * Default 64 MiB.
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
