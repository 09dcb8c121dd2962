import type { AnyPayload } from "../api/contract.ts";
import type { SchemaIssue } from "../api/standard-schema.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { isThenable, promised } from "../runtime/thenable.ts";

/** The most issues that an error names, and the longest text of each: it may quote a value of any length. */
const mostIssues = 5;
const longestIssue = 500;

const refusals = new WeakSet<object>();

/** What came out of a schema. */
export interface Validated {
  // biome-ignore lint/suspicious/noExplicitAny: its type is the contract's, which the caller knows
  readonly value: any;
}

/**
 * Runs a schema; a promise only where the schema answers with one, of whatever make.
 * @throws MessagingError `VALIDATION_FAILED`, also for a schema that fails by itself
 */
export function validate(
  payload: AnyPayload,
  value: unknown,
  destination: string,
): Validated | Promise<Validated> {
  const { schema } = payload;
  if (schema === undefined) return { value };
  let result: unknown;
  try {
    result = schema["~standard"].validate(value);
  } catch (cause) {
    throw schemaFailed(destination, cause);
  }
  if (!isThenable(result)) return check(result, destination);
  return promised(result).then(
    (awaited) => check(awaited, destination),
    (cause) => {
      throw schemaFailed(destination, cause);
    },
  );
}

/** What a schema answers is believed only where it says so: a value, or issues. */
function check(result: unknown, destination: string): Validated {
  let refusal: MessagingError;
  try {
    if ((typeof result !== "object" && typeof result !== "function") || result === null)
      throw new TypeError("it returned neither a value nor issues");
    const { issues } = result as { readonly issues?: unknown };
    if (issues === undefined) {
      if (!("value" in result)) throw new TypeError("it returned neither a value nor issues");
      return { value: (result as Validated).value };
    }
    refusal = validationError(destination, Array.from(issues as Iterable<SchemaIssue>));
  } catch (cause) {
    throw schemaFailed(destination, cause);
  }
  throw refusal;
}

/** The error for a value that its schema refuses. Names paths and rules, never values. */
function validationError(destination: string, issues: readonly SchemaIssue[]): MessagingError {
  const shown = issues.slice(0, mostIssues).map((issue) => {
    const path = (issue.path ?? [])
      .map((part) => String(typeof part === "object" ? part.key : part))
      .join(".");
    const text = path === "" ? thrownText(issue) : `${path}: ${thrownText(issue)}`;
    return text.length > longestIssue ? `${text.slice(0, longestIssue).toWellFormed()}…` : text;
  });
  const more = issues.length > shown.length ? `; and ${issues.length - shown.length} more` : "";
  const refusal = new MessagingError(
    "VALIDATION_FAILED",
    `The value for "${destination}" does not match its schema: ${shown.join("; ")}${more}.`,
    { remedy: "Give it the form that the schema takes, or change the schema.", details: { issues: shown } },
  );
  refusals.add(refusal);
  return refusal;
}

/** Whether a schema has said what is wrong with a value, rather than failed by itself. */
export function isRefusedBySchema(error: unknown): boolean {
  return refusals.has(error as object);
}

/** The error for a schema that throws where it should answer. */
function schemaFailed(destination: string, cause: unknown): MessagingError {
  return new MessagingError(
    "VALIDATION_FAILED",
    `The schema of "${destination}" failed by itself: ${thrownText(cause)}.`,
    { remedy: "Let it return issues for what it does not take.", cause },
  );
}
