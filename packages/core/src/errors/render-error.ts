import { errorText } from "./error-text.ts";

/** So deep a chain of causes is shown. */
const deepest = 5;
const mostFrames = 10;
const longestStack = 8_192;
/** So much of each cause is in brief. */
const longestCause = 300;

/** The texts of what is underneath an error, outermost first, without credentials. Never throws. */
export function causesOf(error: unknown): string[] {
  return chainBelow(error).map(named);
}

/**
 * An error as one line for people: its code, its text with the remedy, and in brief those causes that
 * the text does not name already. Without credentials. Never throws.
 */
export function errorLine(error: unknown): string {
  const text = oneLine(named(error));
  const causes = chainBelow(error)
    .filter((cause) => !text.includes(oneLine(errorText(cause))))
    .map((cause) => oneLine(named(cause)).slice(0, longestCause).toWellFormed());
  return causes.length === 0 ? text : `${text} (caused by: ${causes.join("; ")})`;
}

/** Where the innermost error came from: only the places, since what else a stack holds is the error's text. Never throws. */
export function stackOf(error: unknown): string {
  const stack = textField(chainBelow(error).at(-1) ?? error, "stack") ?? "";
  const frames = stack
    .slice(0, longestStack)
    .split("\n")
    .filter((each) => /^ {4}at /.test(each));
  return frames.slice(0, mostFrames).map(errorText).join("\n");
}

/** What is underneath an error, outermost first. */
function chainBelow(error: unknown): unknown[] {
  const seen = new Set<unknown>([error]);
  for (let cause = below(error); cause !== undefined && seen.size <= deepest; cause = below(cause)) {
    if (seen.has(cause)) break;
    seen.add(cause);
  }
  return [...seen].slice(1);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}

/** `ECONNREFUSED: connect ECONNREFUSED …`, or `TypeError: …` for an error without a code. */
function named(error: unknown): string {
  const text = errorText(error);
  const name = field(error, "code") ?? field(error, "name");
  return name === undefined || text.startsWith(name) ? text : `${name}: ${text}`;
}

function field(error: unknown, name: "code" | "name"): string | undefined {
  const value = textField(error, name);
  return value !== undefined && /^[\w.-]{1,100}$/.test(value) ? value : undefined;
}

function textField(error: unknown, name: "code" | "name" | "stack"): string | undefined {
  try {
    const value = (error as { readonly [key: string]: unknown } | null | undefined)?.[name];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function below(error: unknown): unknown {
  try {
    return typeof error === "object" && error !== null && "cause" in error
      ? (error.cause ?? undefined)
      : undefined;
  } catch {
    return undefined;
  }
}
