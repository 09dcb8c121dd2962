import type { RetryPolicy } from "@waybill/core";

/** A retry policy that does not keep a case waiting: `attempts` in all, 20 ms apart. */
export const quickRetry = (attempts = 5): RetryPolicy => ({
  attempts,
  backoff: { initialMs: 20, factor: 1, jitter: 0 },
});
