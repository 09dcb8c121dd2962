import type { AnyQueue } from "./contract.ts";

/** How long to wait before attempt n + 1: `initialMs × factor^(n-1)`, at most `maxMs`, plus up to `jitter` of that. */
export interface Backoff {
  /** Default 1000. */
  readonly initialMs?: number | undefined;
  /** Default 2. */
  readonly factor?: number | undefined;
  /** Default 300 000 (5 minutes). */
  readonly maxMs?: number | undefined;
  /** The share that chance may add, so that what failed together does not come again together. Default 0.2. */
  readonly jitter?: number | undefined;
}

/** What happens after a handler failed. */
export interface RetryPolicy {
  /** Attempts in all, the first included. `Infinity` is allowed. Default 5. */
  readonly maxAttempts?: number | undefined;
  /**
   * Or a function of the attempt that failed (1, 2, …) and its error, in milliseconds; 0 is at once. Where
   * it returns what cannot be waited (more than a day and than the broker can delay, no number, a promise), 1 s is
   * waited, and `onError` is told once.
   */
  readonly backoff?: (Backoff | ((attempt: number, error: unknown) => number)) | undefined;
  /**
   * Whether another attempt makes sense. Default: not for a `NonRetryableError` or
   * another MessagingError that says it is not retryable; yes for all else, and where a function of
   * yours throws or returns a promise, of which `onError` is told once.
   */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
}

/** A queue of your own, or `"discard"` to let failed messages go. */
export type DeadLetterPolicy = AnyQueue | "discard";

/**
 * What becomes of an ordering key after a message of it was dead-lettered. `"continue"`: the next message
 * of the key is handled. `"block"`: the key waits until the dead-lettered message is redriven or removed
 * from its dead-letter queue.
 */
export type AfterDeadLetter = "continue" | "block";
