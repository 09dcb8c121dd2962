import type { Delivery } from "../api/delivery.ts";
import type { HandleMiddleware, HandlerContext } from "../api/middleware.ts";
import { PostponedError } from "../api/postponed-error.ts";
import { copyOptions } from "../errors/copy-options.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readError } from "../errors/read-error.ts";
import { atOnce } from "../runtime/at-once.ts";
import { monotonicNow } from "../runtime/clock.ts";

/** When `circuitBreaker` opens, and for how long. */
export interface CircuitBreakerOptions {
  /** Opens after so many failures in a row. Default 5. */
  readonly failureThreshold?: number | undefined;
  /** How long nothing is tried, in milliseconds. Default 10 000. After that one message is tried alone. */
  readonly pauseMs?: number | undefined;
  /**
   * Which errors mean that what the handler depends on is down. Default: all but those that speak of the message
   * (a MessagingError that is not retryable, such as a `NonRetryableError`, or one with `expose: true`, such as a
   * `ReplyError`) and what the handler itself put off by a `PostponedError`. One that throws counts as true.
   */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
}

/**
 * Stops asking a dependency that is down: after failures in a row no handler is started for a
 * while, which keeps the messages where they are, and then one is tried alone. From the moment it
 * opens a failure costs no attempt, so that an outage dead-letters nothing however long it lasts. Only
 * where one and the same message failed every time its attempts count on, since it may itself be what is wrong.
 * That it opened is told of once, as `POSTPONED`, and while it is open the subscription is `paused`.
 * Each subscription that it is given to, by itself or through its client, has a breaker of its own.
 * A handler that puts its message off by `retry()` has not failed, nor has a loop over `messages()`.
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): HandleMiddleware {
  const given = copyOptions("circuitBreaker", options, ["failureThreshold", "pauseMs", "isFailure"]);
  const { failureThreshold = 5, pauseMs = 10_000, isFailure = meansOutage } = given;
  const isAtLeast = (value: unknown, least: number) => typeof value === "number" && value >= least;
  if (!isAtLeast(failureThreshold, 1))
    throw invalidArgument("failureThreshold", "a number of at least 1", failureThreshold);
  if (!isAtLeast(pauseMs, 0)) throw invalidArgument("pauseMs", "a number of at least 0", pauseMs);
  if (typeof isFailure !== "function") throw invalidArgument("isFailure", "a function", isFailure);
  const breakers = new WeakMap<HandlerContext, HandleMiddleware>();
  return (delivery, next, context) => {
    let breaker = breakers.get(context);
    if (breaker === undefined) {
      breaker = newBreaker({ failureThreshold, pauseMs, isFailure });
      breakers.set(context, breaker);
    }
    return breaker(delivery, next, context);
  };
}

/** Not what is wrong with the message, nor what was put off on purpose. */
function meansOutage(error: unknown): boolean {
  const read = readError(error);
  if (read !== undefined) return read.retryable && read.code !== "POSTPONED";
  return (error as { readonly expose?: unknown } | null | undefined)?.expose !== true;
}

interface BreakerSettings {
  readonly failureThreshold: number;
  readonly pauseMs: number;
  readonly isFailure: (error: unknown) => boolean;
}

function newBreaker({ failureThreshold, pauseMs, isFailure }: BreakerSettings): HandleMiddleware {
  let failures = 0;
  /** The one message that has failed since the last success; `undefined` once there are several. */
  let only: string | undefined;
  let openUntil = 0;
  let state: "closed" | "open" | "half-open" = "closed";
  /** The one message that is tried alone: whether it ended well. */
  let trial: Promise<boolean> | undefined;

  const open = ({ clock, signal, hold }: HandlerContext) => {
    state = "open";
    openUntil = monotonicNow(clock) + pauseMs;
    // While it closes nothing is started anyway.
    if (signal.aborted) return;
    const release = hold();
    const onClose = () => clock.clearTimeout(timer);
    const timer = clock.setTimeout(() => {
      signal.removeEventListener("abort", onClose);
      state = "half-open";
      release();
    }, pauseMs);
    signal.addEventListener("abort", onClose, { once: true });
  };

  const counts = (error: unknown): boolean => {
    try {
      return atOnce(isFailure(error));
    } catch {
      return true;
    }
  };

  const attempt = async (
    { id, source }: Delivery,
    next: () => Promise<void>,
    context: HandlerContext,
  ): Promise<void> => {
    try {
      await next();
    } catch (error) {
      if (!counts(error)) throw error;
      // Without an id it is never taken for another.
      only = id !== "" && (failures === 0 || only === id) ? id : undefined;
      failures++;
      if (state === "closed" && failures < failureThreshold) throw error;
      const before = state;
      if (state !== "open") open(context);
      if (before === "closed") context.warn(opened(source, failures, pauseMs, error));
      // The one that opens it failed before it was known that not the message is wrong.
      if (before === "closed" || only !== undefined) throw error;
      // A trial that failed comes back behind the others, so that each of them is tried.
      throw postponed(error, context, before === "half-open" ? 1 : 0);
    }
    failures = 0;
    if (state === "half-open") state = "closed";
  };

  const postponed = (cause: unknown, { clock }: HandlerContext, laterMs = 0) =>
    new PostponedError("The circuit breaker is open: what the handler depends on is down.", {
      delayMs: Math.max(1, openUntil - monotonicNow(clock) + laterMs),
      cause,
    });

  return async (delivery, next, context) => {
    if (state === "open") throw postponed(undefined, context);
    if (state === "closed") return attempt(delivery, next, context);
    if (trial !== undefined) {
      if (!(await trial)) throw postponed(undefined, context);
      return attempt(delivery, next, context);
    }
    const running = attempt(delivery, next, context);
    trial = running.then(
      () => true,
      () => state === "closed",
    );
    try {
      await running;
    } finally {
      trial = undefined;
    }
  };
}

function opened(source: string, failures: number, pauseMs: number, cause: unknown): MessagingError {
  return new MessagingError(
    "POSTPONED",
    `The circuit breaker of "${source}" opened after ${failures} failures in a row; one message is tried every ${pauseMs} ms.`,
    { remedy: "Restore what the handler depends on: until then the messages wait.", cause },
  );
}
