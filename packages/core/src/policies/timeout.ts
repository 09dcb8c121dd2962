import type { HandleMiddleware } from "../api/middleware.ts";
import { MessagingError } from "../errors/messaging-error.ts";

/**
 * Fails a handler that takes longer than `ms` milliseconds with a retryable
 * `HANDLER_TIMEOUT`. The handler itself cannot be stopped from outside, so the next
 * attempt may overlap it.
 */
export function timeout(ms: number): HandleMiddleware {
  if (!(ms > 0))
    throw new MessagingError("INVALID_ARGUMENT", `\`timeout\` takes a number above 0, not ${String(ms)}.`);
  return (delivery, next) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new MessagingError(
            "HANDLER_TIMEOUT",
            `A handler of "${delivery.source}" took longer than ${ms} ms.`,
            {
              details: { id: delivery.id },
            },
          ),
        );
      }, ms);
      next()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
}
