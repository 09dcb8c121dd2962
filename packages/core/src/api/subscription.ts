import type { MessagingError } from "../errors/messaging-error.ts";

/** `recovering`: the broker is away, and the subscription resumes by itself. `failed`: it cannot go on; see `ended`. */
export type SubscriptionState = "running" | "paused" | "recovering" | "closing" | "closed" | "failed";

/** How long a close may take. */
export interface CloseOptions {
  /**
   * How long running handlers may still take, in milliseconds from this call. Of several calls the one that ends
   * first counts, so that a closing which takes too long can be cut short.
   */
  readonly timeoutMs?: number | undefined;
}

/** One running subscription, consumer or responder. */
export interface Subscription extends AsyncDisposable {
  /** The portable name of the topic or queue. */
  readonly source: string;
  readonly group: string | undefined;
  readonly state: SubscriptionState;
  /** Handlers running now. */
  readonly running: number;
  /** Messages held now, running ones included. */
  readonly held: number;
  /** Ordering keys that wait until a dead-lettered message of theirs is redriven or removed, see `afterDeadLetter`. */
  readonly blockedKeys: number;
  /** Starts no further handler until `resume`. Keeps membership and leases. */
  pause(): void;
  resume(): void;
  /**
   * Takes effect with the next handler. Without a `prefetch` of your own more is fetched where that needs it.
   * @throws MessagingError `INVALID_ARGUMENT` for less than 1, and for more than your own `prefetch`,
   * or than the default one where the adapter cannot change it
   */
  setConcurrency(concurrency: number): void;
  /** Resolves when it has ended: with the error if it failed, with nothing if it was closed. Never rejects. */
  readonly ended: Promise<MessagingError | undefined>;
  /**
   * Stops intake, waits for running handlers up to the deadline (default: the
   * client's `drainTimeoutMs`), settles what ended, hands the rest back.
   */
  close(options?: CloseOptions): Promise<void>;
}
