import type { Backoff, RetryPolicy } from "../api/failure-policy.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readError } from "../errors/read-error.ts";
import { shown } from "../errors/shown.ts";

/** A retry policy with everything decided. */
export interface DecidedRetryPolicy {
  readonly maxAttempts: number;
  /** The longest that it can be, in milliseconds; a day where a function says. */
  readonly longestDelayMs: number;
  /** Milliseconds to wait after this attempt failed. */
  delayAfter(attempt: number, error: unknown): number;
  isRetryable(error: unknown): boolean;
}

/** Exponential with additive jitter: never earlier than the exponential part. */
export function exponential(
  backoff: Backoff,
  random: () => number = Math.random,
): (attempt: number) => number {
  checkOptionNames("backoff", backoff, ["initialMs", "factor", "maxMs", "jitter"]);
  const { initialMs = 1_000, factor = 2, maxMs = 300_000, jitter = 0.2 } = backoff;
  checkAtLeast("backoff.initialMs", initialMs, 0);
  checkAtLeast("backoff.factor", factor, 1);
  checkAtLeast("backoff.maxMs", maxMs, 0);
  checkAtLeast("backoff.jitter", jitter, 0);
  return (attempt) => {
    const base = Math.min(maxMs, initialMs * factor ** (attempt - 1));
    return Math.round(base * (1 + jitter * random()));
  };
}

export function decideRetryPolicy(policy: RetryPolicy = {}): DecidedRetryPolicy {
  checkOptionNames("retry", policy, ["maxAttempts", "backoff", "isRetryable"]);
  const { maxAttempts = 5, backoff = {}, isRetryable = isRetryableByDefault } = policy;
  if (maxAttempts !== Number.POSITIVE_INFINITY) {
    checkAtLeast("retry.maxAttempts", maxAttempts, 1);
    if (!Number.isInteger(maxAttempts)) throw notLegal("retry.maxAttempts", maxAttempts, "a whole number");
  }
  const wait = typeof backoff === "function" ? backoff : exponential(backoff);
  return {
    maxAttempts,
    longestDelayMs: typeof backoff === "function" ? dayMs : longestOf(backoff),
    delayAfter(attempt, error) {
      // A policy that throws or returns nonsense must not turn into a tight loop, nor into silence.
      const delayMs = outcome(() => wait(attempt, error));
      return delayMs !== undefined && Number.isFinite(delayMs) && delayMs >= 0 ? Math.ceil(delayMs) : 1_000;
    },
    isRetryable: (error) => outcome(() => isRetryable(error)) ?? true,
  };
}

function outcome<T>(policy: () => T): T | undefined {
  try {
    return policy();
  } catch {
    return undefined;
  }
}

const dayMs = 24 * 60 * 60 * 1_000;

function longestOf({ maxMs = 300_000, jitter = 0.2 }: Backoff): number {
  return maxMs * (1 + jitter);
}

/** What a client was too busy closing to do says nothing against the message. */
const notTheMessage = new Set(["CLOSED", "ABORTED"]);

function isRetryableByDefault(error: unknown): boolean {
  const read = readError(error);
  return read === undefined || read.retryable || notTheMessage.has(read.code);
}

function checkAtLeast(name: string, value: unknown, least: number): void {
  if (typeof value !== "number" || !(value >= least))
    throw notLegal(name, value, `a number of at least ${least}`);
}

function notLegal(name: string, value: unknown, takes: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `\`${name}\` takes ${takes}, not ${shown(value)}.`);
}
