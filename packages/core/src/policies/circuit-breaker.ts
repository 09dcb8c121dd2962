import type { HandleMiddleware } from "../api/middleware.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { MessagingError } from "../errors/messaging-error.ts";

export interface CircuitBreakerOptions {
  /** Pauses the subscription after so many failures in a row. Default 5. */
  readonly failureThreshold?: number;
  /** For how long, in milliseconds. Default 10 000. After that one more failure pauses it again. */
  readonly pauseMs?: number;
  /** Which errors mean that what the handler depends on is down. Default: all. */
  readonly isFailure?: (error: unknown) => boolean;
}

/**
 * Stops asking a dependency that is down: after failures in a row the subscription
 * pauses, which keeps its messages where they are, and then tries again. Use one
 * for each subscription.
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): HandleMiddleware {
  checkOptionNames("circuitBreaker", options, ["failureThreshold", "pauseMs", "isFailure"]);
  const { failureThreshold = 5, pauseMs = 10_000, isFailure = () => true } = options;
  if (!(failureThreshold >= 1) || !(pauseMs >= 0)) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      "`circuitBreaker` takes `failureThreshold` of at least 1 and `pauseMs` of at least 0.",
    );
  }
  let failures = 0;
  let open = false;
  return async (delivery, next) => {
    try {
      await next();
      failures = 0;
    } catch (error) {
      if (isFailure(error) && ++failures >= failureThreshold && !open) {
        open = true;
        const { subscription } = delivery;
        subscription.pause();
        setTimeout(() => {
          open = false;
          failures = failureThreshold - 1;
          subscription.resume();
        }, pauseMs);
      }
      throw error;
    }
  };
}
