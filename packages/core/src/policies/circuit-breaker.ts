import type { HandleMiddleware, HandlerContext } from "../api/middleware.ts";
import { PostponedError } from "../api/postponed-error.ts";
import { copyOptions } from "../errors/copy-options.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { atOnce } from "../runtime/at-once.ts";
import { monotonicNow } from "../runtime/clock.ts";

/** When `circuitBreaker` opens, and for how long. */
export interface CircuitBreakerOptions {
  /** Opens after so many failures in a row. Default 5. */
  readonly failureThreshold?: number | undefined;
  /** How long nothing is tried, in milliseconds. Default 10 000. After that one message is tried alone. */
  readonly pauseMs?: number | undefined;
  /** Which errors mean that what the handler depends on is down. Default: all. One that throws counts as true. */
  readonly isFailure?: ((error: unknown) => boolean) | undefined;
}

/**
 * Stops asking a dependency that is down: after failures in a row no handler is started for a
 * while, which keeps the messages where they are, and then one is tried alone. From the moment it
 * opens a failure costs no attempt, so that an outage dead-letters nothing however long it lasts.
 * Each subscription that it is given to, by itself or through its client, has a breaker of its own.
 * A handler that puts its message off by `retry()` has not failed.
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): HandleMiddleware {
  const given = copyOptions("circuitBreaker", options, ["failureThreshold", "pauseMs", "isFailure"]);
  const { failureThreshold = 5, pauseMs = 10_000, isFailure = () => true } = given;
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

interface BreakerSettings {
  readonly failureThreshold: number;
  readonly pauseMs: number;
  readonly isFailure: (error: unknown) => boolean;
}

function newBreaker({ failureThreshold, pauseMs, isFailure }: BreakerSettings): HandleMiddleware {
  let failures = 0;
  let openUntil = 0;
  let state: "closed" | "open" | "half-open" = "closed";
  /** The one message that is tried alone: whether it ended well. */
  let trial: Promise<boolean> | undefined;

  const open = ({ clock, signal, hold }: HandlerContext) => {
    state = "open";
    openUntil = monotonicNow(clock) + pauseMs;
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

  const attempt = async (next: () => Promise<void>, context: HandlerContext): Promise<void> => {
    try {
      await next();
    } catch (error) {
      if (!counts(error)) throw error;
      failures++;
      if (state === "closed" && failures < failureThreshold) throw error;
      const wasClosed = state === "closed";
      if (state !== "open") open(context);
      // The one that opens it failed before it was known that not the message is wrong.
      if (wasClosed) throw error;
      throw postponed(error, context);
    }
    failures = 0;
    if (state === "half-open") state = "closed";
  };

  const postponed = (cause: unknown, { clock }: HandlerContext) =>
    new PostponedError("The circuit breaker is open: what the handler depends on is down.", {
      delayMs: Math.max(1, openUntil - monotonicNow(clock)),
      cause,
    });

  return async (_delivery, next, context) => {
    if (state === "open") throw postponed(undefined, context);
    if (state === "closed") return attempt(next, context);
    if (trial !== undefined) {
      if (!(await trial)) throw postponed(undefined, context);
      return attempt(next, context);
    }
    const running = attempt(next, context);
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
