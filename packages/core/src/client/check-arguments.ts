import type { Contract } from "../api/contract.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { checkSignal } from "../errors/check-signal.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import { shown } from "../errors/shown.ts";

/** @throws MessagingError `INVALID_ARGUMENT` when it is not what `topic()` or `queue()` made */
export function checkContract(contract: unknown, kind: "topic" | "queue"): asserts contract is Contract {
  const {
    kind: given,
    name,
    codec,
  } = readable(`The ${kind}`, () => {
    const { kind, name, codec } = (contract ?? {}) as Readonly<Record<string, unknown>>;
    return { kind, name, codec };
  });
  if (given === kind && typeof name === "string" && typeof codec === "object") return;
  const found = typeof given === "string" && given !== kind ? `a ${given.slice(0, 100)}` : shown(contract);
  throw new MessagingError("INVALID_ARGUMENT", `This call takes a ${kind}, not ${found}.`, {
    remedy: `Pass what ${kind}() made.`,
  });
}

/** What is cheap to check for every publish; the rest is checked with the message. */
export function checkPublishing(options: unknown): void {
  const { signal, delayMs, ttlMs, timestamp } = asOptions("publish", options);
  checkSignal(signal);
  checkNumbers({ delayMs, ttlMs, timestamp });
}

/** What consumers of every kind take. The names and numbers are checked with the settings. */
export function checkConsuming(options: unknown): void {
  readable("The arguments of consume", () => checkConsumingOptions(options));
}

function checkConsumingOptions(options: unknown): void {
  const { signal, retry, deadLetter, use, filter, ...rest } = asOptions("consume", options);
  checkSignal(signal);
  const { concurrency, prefetch, prefetchBytes, maxLeaseMs } = rest;
  checkNumbers({ concurrency, prefetch, prefetchBytes, maxLeaseMs });
  if (retry !== undefined) checkRetry(retry);
  if (deadLetter !== undefined && deadLetter !== "discard") checkContract(deadLetter, "queue");
  if (use !== undefined && !(Array.isArray(use) && use.every((each) => typeof each === "function")))
    throw invalidArgument("use", "an array of functions", use);
  if (filter !== undefined && (typeof filter !== "object" || filter === null))
    throw invalidArgument("filter", "an object of conditions", filter);
}

function checkRetry(retry: unknown): void {
  checkOptionNames("retry", retry, ["maxAttempts", "backoff", "isRetryable"]);
  const { maxAttempts, backoff, isRetryable } = retry as Readonly<Record<string, unknown>>;
  checkNumbers({ maxAttempts });
  if (isRetryable !== undefined && typeof isRetryable !== "function")
    throw invalidArgument("isRetryable", "a function", isRetryable);
  if (backoff === undefined || typeof backoff === "function") return;
  checkOptionNames("backoff", backoff, ["initialMs", "factor", "maxMs", "jitter"]);
  checkNumbers(backoff as Readonly<Record<string, unknown>>);
}

function checkNumbers(options: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(options))
    if (value !== undefined && typeof value !== "number") throw invalidArgument(name, "a number", value);
}

function asOptions(owner: string, options: unknown): Readonly<Record<string, unknown>> {
  if (typeof options === "object" && options !== null)
    return readable(`The arguments of ${owner}`, () => ({ ...options }));
  throw new MessagingError("INVALID_ARGUMENT", `The options of ${owner} are not an object.`, {
    remedy: "Pass an object, or leave them out.",
  });
}
