import type { Contract } from "../api/contract.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { checkSignal } from "../errors/check-signal.ts";
import { MessagingError } from "../errors/messaging-error.ts";

/** @throws MessagingError `INVALID_ARGUMENT` when it is not what `topic()` or `queue()` made */
export function checkContract(contract: unknown, kind: "topic" | "queue"): asserts contract is Contract {
  const { kind: given, name, codec } = (contract ?? {}) as Readonly<Record<string, unknown>>;
  if (given === kind && typeof name === "string" && typeof codec === "object") return;
  const shown = typeof given === "string" && given !== kind ? `a ${given.slice(0, 100)}` : nameOf(contract);
  throw new MessagingError("INVALID_ARGUMENT", `This call takes a ${kind}, not ${shown}.`, {
    remedy: `Pass what ${kind}() made.`,
  });
}

/** What is cheap to check for every publish; the rest is checked with the message. */
export function checkPublishing(options: unknown): void {
  const { signal, headers } = asOptions("publish", options);
  checkSignal(signal);
  if (headers !== undefined && (typeof headers !== "object" || headers === null))
    throw new MessagingError("INVALID_ARGUMENT", "`headers` takes an object of strings.");
}

/** What consumers of every kind take. The names and numbers are checked with the settings. */
export function checkConsuming(options: unknown): void {
  const { signal, retry, deadLetter, use, start, filter } = asOptions("consume", options);
  checkSignal(signal);
  if (retry !== undefined) checkOptionNames("retry", retry, ["maxAttempts", "backoff", "isRetryable"]);
  if (deadLetter !== undefined && deadLetter !== "discard") checkContract(deadLetter, "queue");
  if (use !== undefined && !(Array.isArray(use) && use.every((each) => typeof each === "function")))
    throw new MessagingError("INVALID_ARGUMENT", "`use` takes an array of functions.");
  if (filter !== undefined && (typeof filter !== "object" || filter === null))
    throw new MessagingError("INVALID_ARGUMENT", "`filter` takes an object of conditions.");
  if (start === null) throw new MessagingError("INVALID_ARGUMENT", "`start` is null.");
}

function asOptions(owner: string, options: unknown): Readonly<Record<string, unknown>> {
  if (typeof options === "object" && options !== null) return options as Readonly<Record<string, unknown>>;
  throw new MessagingError("INVALID_ARGUMENT", `The options of ${owner} are not an object.`, {
    remedy: "Pass an object, or leave them out.",
  });
}

function nameOf(value: unknown): string {
  return value === null ? "null" : typeof value === "object" ? "an object" : typeof value;
}
