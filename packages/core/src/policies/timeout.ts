import type { Delivery } from "../api/delivery.ts";
import type { HandleMiddleware } from "../api/middleware.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";

/**
 * Fails an attempt that takes longer than `ms` milliseconds with a retryable `HANDLER_TIMEOUT`,
 * and aborts its `signal`. The handler itself cannot be stopped from outside: until it ends it
 * keeps its place among the running and the turn of its ordering key, and that is told of. Where the
 * handler was not called yet, as a middleware inside of this one waits, the message is put off and uses no attempt.
 */
export function timeout(ms: number): HandleMiddleware {
  if (!(typeof ms === "number" && ms > 0)) throw invalidArgument("timeout", "a number above 0", ms);
  return async (delivery, next, { clock }) => {
    const { signal } = delivery;
    const late = Promise.withResolvers<never>();
    const timer = clock.setTimeout(() => late.reject(tookTooLong(delivery, ms)), ms);
    // Once it is cancelled, by a subscription that closes say, nobody waits for this any more.
    const stop = () => clock.clearTimeout(timer);
    signal.addEventListener("abort", stop, { once: true });
    try {
      await Promise.race([next(), late.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  };
}

function tookTooLong({ source, id }: Delivery, ms: number): MessagingError {
  return new MessagingError("HANDLER_TIMEOUT", `A handler of "${source}" took longer than ${ms} ms.`, {
    remedy: "Make it quicker, let it heed its `signal`, or raise the time-out.",
    details: { id },
  });
}
