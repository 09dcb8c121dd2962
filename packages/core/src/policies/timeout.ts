import type { HandleMiddleware } from "../api/middleware.ts";
import { MessagingError } from "../errors/messaging-error.ts";

/**
 * Fails an attempt that takes longer than `ms` milliseconds with a retryable `HANDLER_TIMEOUT`,
 * and aborts its `signal`. The handler itself cannot be stopped from outside: until it ends it
 * keeps its place among the running and the turn of its ordering key, and that is told of.
 */
export function timeout(ms: number): HandleMiddleware {
  if (!(typeof ms === "number" && ms > 0))
    throw new MessagingError("INVALID_ARGUMENT", `\`timeout\` takes a number above 0, not ${typeof ms}.`);
  return (delivery, next, { clock }) =>
    new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        reject(
          new MessagingError(
            "HANDLER_TIMEOUT",
            `A handler of "${delivery.source}" took longer than ${ms} ms.`,
            {
              remedy: "Make it quicker, let it heed its `signal`, or raise the time-out.",
              details: { id: delivery.id },
            },
          ),
        );
      }, ms);
      next().then(
        () => {
          clock.clearTimeout(timer);
          resolve();
        },
        (error) => {
          clock.clearTimeout(timer);
          reject(error);
        },
      );
    });
}
