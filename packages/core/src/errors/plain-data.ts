import { errorText } from "./error-text.ts";

/** What is called like this is not shown, whatever it holds. */
const secretName =
  /pass(word|wd|phrase)|(^|_)(pass|pw)$|pwd|secret|token|cookie|credential|(api|access|account|private)[_-]?key|authorization/i;

/** What is deeper, longer or more than this is left out: plain data is for a log line. */
const most = { depth: 4, entries: 100 };

/**
 * A value as JSON can hold it: no cycles, no functions, no vendor objects, texts cut and without
 * credentials. Never throws.
 */
export function plainData(value: unknown, depth = 0): unknown {
  try {
    return convert(value, depth);
  } catch {
    return "a value that cannot be shown";
  }
}

function convert(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return errorText(value);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
    case "undefined":
      return value;
    case "object":
      break;
    default:
      return String(value).slice(0, 100);
  }
  if (value === null) return null;
  if (value instanceof Error) return errorText(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "an invalid date" : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth >= most.depth) return "…";
  if (Array.isArray(value)) return value.slice(0, most.entries).map((item) => plainData(item, depth + 1));
  const names = Object.keys(value).slice(0, most.entries);
  return Object.fromEntries(names.map((name) => [name, plainData(member(value, name), depth + 1)]));
}

function member(value: object, name: string): unknown {
  try {
    if (secretName.test(name)) return "***";
    return (value as Readonly<Record<string, unknown>>)[name];
  } catch {
    return "a value that cannot be shown";
  }
}
