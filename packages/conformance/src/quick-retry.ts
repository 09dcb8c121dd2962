import type { RetryPolicy } from "@waybill/core";

/** A retry policy that does not keep a case waiting: `maxAttempts` in all, 20 ms apart. */
export const quickRetry = (maxAttempts = 5): RetryPolicy => ({
  maxAttempts,
  backoff: { initialMs: 20, factor: 1, jitter: 0 },
});
