import type { Backoff, RetryPolicy } from "../api/failure-policy.ts";
import { copyOptions } from "../errors/copy-options.ts";
import { errorText } from "../errors/error-text.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readError } from "../errors/read-error.ts";
import { atOnce } from "../runtime/at-once.ts";

/** A retry policy with everything decided. */
export interface DecidedRetryPolicy {
  readonly maxAttempts: number;
  /** The longest wait before another attempt that anything may ask for, in milliseconds. */
  readonly longestDelayMs: number;
  /** Milliseconds to wait after this attempt failed, whatever a function of the application's answers. */
  delayAfter(attempt: number, error: unknown, onMistake?: OnMistake): number;
  isRetryable(error: unknown, onMistake?: OnMistake): boolean;
}

/** Told of an answer that cannot be used, and of which function it is. */
export type OnMistake = (of: string, mistake: MessagingError) => void;

/** What may be waited in place, whatever the broker can, in milliseconds. */
export const dayMs = 24 * 60 * 60 * 1_000;

/** What is waited where a function of the application's says nothing that can be waited, in milliseconds. */
const fallbackMs = 1_000;

/** Exponential with additive jitter: never earlier than the exponential part. */
export function exponential(
  backoff: Backoff,
  random: () => number = Math.random,
): (attempt: number) => number {
  const given = copyOptions("backoff", backoff, ["initialMs", "factor", "maxMs", "jitter"]);
  const { initialMs = 1_000, factor = 2, maxMs = 300_000, jitter = 0.2 } = given;
  checkAtLeast("backoff.initialMs", initialMs, 0);
  checkAtLeast("backoff.factor", factor, 1);
  checkAtLeast("backoff.maxMs", maxMs, 0);
  checkAtLeast("backoff.jitter", jitter, 0);
  for (const [name, value] of Object.entries({ initialMs, factor, maxMs, jitter }))
    if (!Number.isFinite(value)) throw invalidArgument(`backoff.${name}`, "a finite number", value);
  return (attempt) => {
    const base = Math.min(maxMs, initialMs * factor ** (attempt - 1));
    return Math.round(base * (1 + jitter * random()));
  };
}

export function decideRetryPolicy(policy: RetryPolicy = {}, longestDelayMs = dayMs): DecidedRetryPolicy {
  const given = copyOptions("retry", policy, ["maxAttempts", "backoff", "isRetryable"]);
  const { maxAttempts = 5, backoff = {}, isRetryable = isRetryableByDefault } = given;
  if (maxAttempts !== Number.POSITIVE_INFINITY) {
    checkAtLeast("retry.maxAttempts", maxAttempts, 1);
    if (!Number.isInteger(maxAttempts))
      throw invalidArgument("retry.maxAttempts", "a whole number", maxAttempts);
  }
  return {
    maxAttempts,
    longestDelayMs,
    delayAfter: delayAfter(backoff, longestDelayMs),
    isRetryable(error, onMistake) {
      try {
        return atOnce(isRetryable(error));
      } catch (cause) {
        onMistake?.("retry.isRetryable", failed("retry.isRetryable", "the message is retried", cause));
        return true;
      }
    },
  };
}

function delayAfter(
  backoff: Exclude<RetryPolicy["backoff"], undefined>,
  longestMs: number,
): DecidedRetryPolicy["delayAfter"] {
  if (typeof backoff !== "function") {
    const wait = exponential(backoff);
    return (attempt) => Math.min(longestMs, Math.ceil(wait(attempt)));
  }
  return (attempt, error, onMistake) => {
    // A policy that throws or answers nonsense must not turn into a tight loop, nor into silence.
    try {
      return Math.ceil(checkRetryDelay("the result", atOnce(backoff(attempt, error)), longestMs));
    } catch (cause) {
      onMistake?.("retry.backoff", failed("retry.backoff", `${fallbackMs} ms are waited`, cause));
      return fallbackMs;
    }
  };
}

/**
 * A wait before another attempt that can be waited.
 * @throws MessagingError `INVALID_ARGUMENT`
 */
export function checkRetryDelay(name: string, value: unknown, longestMs: number): number {
  if (typeof value === "number" && value >= 0 && value <= longestMs) return value;
  throw invalidArgument(name, `a number from 0 to ${longestMs}`, value);
}

function failed(name: string, instead: string, cause: unknown): MessagingError {
  return new MessagingError(
    "INVALID_ARGUMENT",
    `\`${name}\` returned nothing that can be used, and ${instead}: ${errorText(cause)} This is told once.`,
    { remedy: "Let it return at once, and throw nothing.", cause },
  );
}

/** What a client was too busy closing to do says nothing against the message. */
const notTheMessage = new Set(["CLOSED", "ABORTED"]);

function isRetryableByDefault(error: unknown): boolean {
  const read = readError(error);
  return read === undefined || read.retryable || notTheMessage.has(read.code);
}

function checkAtLeast(name: string, value: unknown, least: number): void {
  if (typeof value !== "number" || !(value >= least))
    throw invalidArgument(name, `a number of at least ${least}`, value);
}
