import { errorText } from "./error-text.ts";

/** So deep a chain of causes is shown. */
const deepest = 5;
const mostFrames = 10;
const longestStack = 8_192;

/** The texts of what is underneath an error, outermost first, without credentials. Never throws. */
export function causesOf(error: unknown): string[] {
  const texts: string[] = [];
  const seen = new Set<unknown>([error]);
  for (let cause = below(error); cause !== undefined && texts.length < deepest; cause = below(cause)) {
    if (seen.has(cause)) break;
    seen.add(cause);
    texts.push(named(cause));
  }
  return texts;
}

/** An error as lines of text for people: itself, then each cause, without credentials. Never throws. */
export function renderError(error: unknown): string {
  const causes = causesOf(error).map((text) => `\n  caused by: ${text}`);
  return `${named(error)}${causes.join("")}${framesOf(error)}`;
}

/** Where the innermost error came from: only the places, since what else a stack holds is the error's text. */
function framesOf(error: unknown): string {
  let innermost = error;
  for (let depth = 0; depth < deepest; depth++) innermost = below(innermost) ?? innermost;
  const stack = textField(innermost, "stack") ?? "";
  const frames = stack
    .slice(0, longestStack)
    .split("\n")
    .filter((each) => /^ {4}at /.test(each));
  return frames
    .slice(0, mostFrames)
    .map((frame) => `\n${errorText(frame)}`)
    .join("");
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
