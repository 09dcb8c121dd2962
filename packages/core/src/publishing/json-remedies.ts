/** A kind of value that JSON has no form for. */
export interface Loss {
  /** Such as `a Date`. */
  readonly what: string;
  readonly remedy: string;
}

/** What a value is that JSON has no form for, and what to publish in its place. */
export function lossOf(value: unknown): Loss {
  if (typeof value === "number")
    return { what: String(value), remedy: "Publish a finite number, a string or null." };
  if (value === undefined) return { what: "undefined in an array", remedy: "Publish null in its place." };
  if (typeof value === "function") return { what: "a function", remedy: "Publish data only." };
  if (typeof value !== "object" || value === null)
    return { what: `a ${typeof value}`, remedy: "Publish a string." };
  return wellKnown(value) ?? lossOfObject(value);
}

function wellKnown(value: object): Loss | undefined {
  if (value instanceof Date) return lossOfDate(value);
  if (value instanceof Map)
    return { what: "a Map", remedy: "Publish `Object.fromEntries(map)`, or an array of its entries." };
  if (value instanceof Set) return { what: "a Set", remedy: "Publish an array: `[...set]`." };
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return { what: "binary data", remedy: "Publish Base64 text, or give the contract the `bytes` codec." };
  return undefined;
}

function lossOfDate(date: Date): Loss {
  if (Number.isNaN(date.getTime()))
    return { what: "an invalid Date", remedy: "Publish an ISO string of a valid one, or null." };
  return {
    what: "a Date",
    remedy: "Publish an ISO string: `z.iso.datetime()` in the schema, and `date.toISOString()`.",
  };
}

function lossOfObject(value: object): Loss {
  const name: unknown = value.constructor?.name;
  const isNamed = typeof name === "string" && name !== "" && name !== "Object";
  if (isNamed) return { what: `an instance of ${name}`, remedy: remedyOf(value) };
  const isIterable = Symbol.iterator in value;
  return { what: isIterable ? "an iterable object" : "an object of a class", remedy: remedyOf(value) };
}

/** Fit for what it is: `{ ...value }` of an error, say, is an empty object. */
function remedyOf(value: object): string {
  const { toJSON, then } = value as { readonly toJSON?: unknown; readonly then?: unknown };
  if (typeof toJSON === "function")
    return "Publish what its `toJSON` returns, and describe that in the schema.";
  if (typeof then === "function") return "Await it first, and publish what it resolves to.";
  if (value instanceof Error)
    return "Publish what a consumer needs of it, such as `{ name: error.name, message: error.message }`.";
  if (value instanceof RegExp) return "Publish its text: `regexp.source`.";
  if (value instanceof String || value instanceof Number || value instanceof Boolean)
    return "Publish the plain value: `value.valueOf()`.";
  if (Symbol.iterator in value) return "Publish an array: `[...value]`.";
  return Object.keys(value).length === 0
    ? "Publish a plain object with what a consumer needs of it."
    : "Publish a plain object: `{ ...value }`, or give the contract a schema.";
}
