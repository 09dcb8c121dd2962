import type { ConsumeOptions } from "../api/consume-options.ts";
import type { Handler } from "../api/delivery.ts";
import type { CloseOptions } from "../api/subscription.ts";
import { copyOptions } from "../errors/copy-options.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError, UnsupportedError } from "../errors/messaging-error.ts";
import { type DecidedRetryPolicy, dayMs, decideRetryPolicy } from "../policies/backoff.ts";
import type { Capabilities } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";

/** Consume options with every default decided. */
export interface ConsumeSettings {
  readonly concurrency: number;
  readonly prefetch: number;
  /** The application gave `prefetch` itself. */
  readonly isPrefetchGiven: boolean;
  /** What the prefetch may grow to while handlers are quick; the same where the application gave a number. */
  readonly maxPrefetch: number;
  /** The most bytes held of what could start or runs, one message at least; the driver may fetch so many ahead. */
  readonly prefetchBytes: number;
  /** The most messages held that can not be started: behind their key, or before their next attempt. */
  readonly maxParked: number;
  /** The most bytes of these. */
  readonly maxParkedBytes: number;
  readonly retry: DecidedRetryPolicy;
  readonly maxLeaseMs: number;
}

/** How many messages may wait behind their keys, so that what comes after them is not held up: 8 × `prefetch`, 4096 at least. */
const leastParked = 4_096;
const parkedPerPrefetch = 8;
/** The same in bytes, which memory has fewer of: 2 × `prefetchBytes`. */
const parkedPerPrefetchBytes = 2;
/** What a prefetch that nobody chose may grow to. */
const quickPrefetch = 1_000;
const twelveHoursMs = 12 * 60 * 60 * 1_000;

/** @throws MessagingError `INVALID_ARGUMENT` */
export function decideSettings(options: ConsumeOptions, driver: Driver): ConsumeSettings {
  const concurrency = checkCount("concurrency", options.concurrency ?? 10);
  const prefetch = checkCount("prefetch", options.prefetch ?? defaultPrefetch(concurrency));
  checkRoom(prefetch, concurrency);
  const { backoff } = options.retry ?? {};
  const longestMs = longestRetryDelay(driver.capabilities);
  if (typeof backoff === "object" && (backoff.maxMs ?? 0) > longestMs) {
    throw new UnsupportedError(
      `a retry delay of ${backoff.maxMs} ms`,
      driver.name,
      `Lower \`backoff.maxMs\` to at most ${longestMs}.`,
    );
  }
  const maxLeaseMs = options.maxLeaseMs ?? twelveHoursMs;
  if (typeof maxLeaseMs !== "number" || !(maxLeaseMs > 0))
    throw invalidArgument("maxLeaseMs", "a number above 0", maxLeaseMs);
  const allBytes = checkCount("prefetchBytes", options.prefetchBytes ?? 64 * 1024 * 1024);
  // Who reads a log knows of no settlement but the furthest: what it fetches ahead comes on top of what is held here.
  const prefetchBytes = driver.capabilities.settlement === "cumulative" ? Math.ceil(allBytes / 2) : allBytes;
  const maxPrefetch = options.prefetch === undefined ? Math.max(quickPrefetch, prefetch) : prefetch;
  const maxParked = Math.max(leastParked, parkedPerPrefetch * prefetch);
  return {
    concurrency,
    prefetch,
    isPrefetchGiven: options.prefetch !== undefined,
    maxPrefetch,
    prefetchBytes,
    maxParked,
    maxParkedBytes: parkedPerPrefetchBytes * prefetchBytes,
    retry: decideRetryPolicy(options.retry, Math.max(longestMs, dayMs)),
    maxLeaseMs,
  };
}

/** What is held for so many handlers where the application says nothing. */
export function defaultPrefetch(concurrency: number): number {
  return Math.max(100, 4 * concurrency);
}

/** @throws MessagingError `INVALID_ARGUMENT` for more handlers than messages are held */
export function checkRoom(prefetch: number, concurrency: number): void {
  if (prefetch >= concurrency) return;
  throw new MessagingError(
    "INVALID_ARGUMENT",
    `\`prefetch\` (${prefetch}) is less than \`concurrency\` (${concurrency}), so that many handlers could never run.`,
    { remedy: "Raise `prefetch` or lower `concurrency`." },
  );
}

/** How long a failed message may wait on the broker. Without any way to wait there, it waits in place. */
function longestRetryDelay(capabilities: Capabilities): number {
  const { retry, features } = capabilities;
  const native = retry.how === "native" ? retry.maxDelayMs : 0;
  return Math.max(native, features.delay?.maxMs ?? 0) || dayMs;
}

/** @throws MessagingError `INVALID_ARGUMENT` */
export function checkCount(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
  throw invalidArgument(name, "a whole number of at least 1", value);
}

/** How long a close may take, where it says. @throws MessagingError `UNKNOWN_OPTION`, `INVALID_ARGUMENT` */
export function closeTimeout(options: CloseOptions): number | undefined {
  const { timeoutMs } = copyOptions("close", options, ["timeoutMs"]);
  if (timeoutMs === undefined || (typeof timeoutMs === "number" && timeoutMs >= 0)) return timeoutMs;
  throw invalidArgument("timeoutMs", "a number of at least 0", timeoutMs);
}

/**
 * The last arguments of a call whose options may be left out.
 * @throws MessagingError `INVALID_ARGUMENT` also for arguments that nothing would read
 */
export function optionsAndHandler<T, O extends ConsumeOptions>(
  given: readonly [Handler<T>] | readonly [O, Handler<T>],
): readonly [O, Handler<T>] {
  const [options, handler] = given.length === 1 ? [{} as O, given[0]] : given;
  checkHandler(handler);
  if (given.length <= 2) return [options, handler];
  throw new MessagingError("INVALID_ARGUMENT", "More was given after the handler.", {
    remedy: "Pass the handler as the last argument.",
  });
}

/** @throws MessagingError `INVALID_ARGUMENT` */
export function checkHandler(handler: unknown): asserts handler is Handler<unknown> {
  if (typeof handler === "function") return;
  throw new MessagingError("INVALID_ARGUMENT", "The handler is not a function.", {
    remedy: "Pass the handler as the last argument.",
  });
}
