import type { AfterDeadLetter } from "../api/failure-policy.ts";
import type { Address } from "../spi/address.ts";
import type { Capabilities } from "../spi/capabilities.ts";

/** What is known when a message has failed. Plain data, so that the decision can be tried for every combination. */
export interface FailureFacts {
  /**
   * What was said of it. `threw`: its handler, or a middleware, threw. `retry`: the application
   * asked for another attempt. `reject`: the application, or core, gave it up. `postpone`: it is
   * put off without an attempt.
   */
  readonly verdict: "threw" | "retry" | "reject" | "postpone";
  /** The attempt that failed. */
  readonly attempt: number;
  readonly maxAttempts: number;
  /** What the policy says of the error. */
  readonly isRetryable: boolean;
  /** How long to wait before the next attempt, in milliseconds. */
  readonly delayMs: number;
  /** When the message expires, and the time now, in milliseconds since the epoch. */
  readonly expiresAt: number | undefined;
  readonly now: number;
  readonly kind: Address["kind"];
  /** The message has an ordering key that its destination keeps. */
  readonly keyed: boolean;
  readonly capabilities: Pick<Capabilities, "retry" | "features">;
  /** There is a queue for what failed for good. */
  readonly hasDeadLetterQueue: boolean;
  /** What follows a dead-lettered message of an ordering key. */
  readonly afterDeadLetter: AfterDeadLetter;
  /**
   * No copy may take its place when it is put off: only the broker's count tells whether it takes its process
   * down each time, or its destination keeps an order, in which no broker need be able to delay.
   */
  readonly keepsPlace: boolean;
  /** False for a reply path, whose messages need no settlement. */
  readonly settles: boolean;
}

/** What is put off for longer, in milliseconds, waits on the broker where it can: else it would keep what comes later from its turn. */
const longestPostponedMs = 1_000;

/** What a failure becomes. */
export type FailureDecision =
  /** It keeps its place here, and its handler is called again. */
  | { readonly becomes: "retry-in-place"; readonly delayMs: number; readonly countsAttempt: boolean }
  /** The broker delivers it again. */
  | { readonly becomes: "native-retry"; readonly delayMs: number }
  /** A copy with the next attempt's number, or the same where none was used, is published, and the original acked. */
  | { readonly becomes: "republished"; readonly delayMs: number; readonly countsAttempt: boolean }
  /**
   * `expired`: it would have expired before its next attempt. `blocksKey`: it is not acked, and its key
   * waits until its copy is redriven or removed.
   */
  | { readonly becomes: "dead-lettered"; readonly expired: boolean; readonly blocksKey: boolean }
  | { readonly becomes: "dropped"; readonly expired: boolean };

/** The one place that decides what a failure becomes. */
export function decideFailure(facts: FailureFacts): FailureDecision {
  const { verdict, delayMs, expiresAt, now } = facts;
  if (!facts.settles) return { becomes: "dropped", expired: false };
  const isPostponed = verdict === "postpone";
  const isFinal =
    !isPostponed &&
    (verdict === "reject" ||
      facts.attempt >= facts.maxAttempts ||
      (verdict === "threw" && !facts.isRetryable));
  // A retry keeps the time to live of the first publish; what would expire in waiting keeps its failure instead.
  const expires = expiresAt !== undefined && now + delayMs >= expiresAt;
  if (isFinal || expires) {
    const expired = !isFinal && expires;
    if (!facts.hasDeadLetterQueue) return { becomes: "dropped", expired };
    const blocksKey = facts.keyed && facts.afterDeadLetter === "block";
    return { becomes: "dead-lettered", expired, blocksKey };
  }
  return retry(facts);
}

/**
 * How the next attempt comes about. One with an ordering key waits in place, so that nothing of
 * its key overtakes it; so does one that nobody else could get. What was put off is never left to
 * the broker's own retry, which would count an attempt.
 */
function retry({ verdict, kind, keyed, keepsPlace, capabilities, delayMs }: FailureFacts): FailureDecision {
  const countsAttempt = verdict !== "postpone";
  const inPlace: FailureDecision = { becomes: "retry-in-place", delayMs, countsAttempt };
  if (keyed || kind === "topic" || kind === "inbox") return inPlace;
  if (!countsAttempt && (keepsPlace || delayMs <= longestPostponedMs)) return inPlace;
  if (countsAttempt && capabilities.retry.how === "native" && delayMs <= capabilities.retry.maxDelayMs)
    return { becomes: "native-retry", delayMs };
  return delayMs <= (capabilities.features.delay?.maxMs ?? -1)
    ? { becomes: "republished", delayMs, countsAttempt }
    : inPlace;
}
