import { systemClock } from "../runtime/clock.ts";
import { sleep } from "../runtime/sleep.ts";
import type { Classification } from "./driver.ts";
import { ExponentialBackoff } from "./exponential-backoff.ts";

/** What `retryTransient` tries again, and for how long. */
export interface RetryTransientOptions {
  /** When to stop trying again, in milliseconds from now. */
  readonly timeoutMs: number;
  /** Whether the cause passes by itself, so that the same call may succeed later. */
  readonly isTransient: (cause: unknown) => boolean;
  /** Fires when nobody waits for the result any more: no further try is made, and no pause goes on. */
  readonly signal: AbortSignal;
}

const backoff = { firstMs: 20, maxMs: 500 };

/**
 * Repeats `work` while it fails for a transient cause: what was just made may not be known
 * everywhere yet, nor right after a broker has started. Rejects with the last cause.
 */
export async function retryTransient<T>(
  work: () => Promise<T>,
  { timeoutMs, isTransient, signal }: RetryTransientOptions,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  const pauses = new ExponentialBackoff(backoff);
  for (;;) {
    try {
      return await work();
    } catch (cause) {
      const waitMs = pauses.next();
      if (signal.aborted || !isTransient(cause) || performance.now() + waitMs > deadline) throw cause;
      await sleep(systemClock, waitMs, signal);
      if (signal.aborted) throw cause;
    }
  }
}

/** Whether the same call may succeed later without anybody doing something, by what `classify` has found. */
export function isTransientAs(found: Classification | undefined): boolean {
  if (found === undefined) return false;
  const { code, retryable } = found;
  return retryable ?? (code === "UNREACHABLE" || code === "CONNECTION_LOST" || code === "TIMEOUT");
}
