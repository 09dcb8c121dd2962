/**
 * Whether a value comes back from JSON as it was: no part that JSON leaves out, makes null or turns
 * into something else. Runs on every publish of a JSON contract, so it is one plain walk. For values
 * that JSON can encode: it does not look for cycles. A member that is undefined comes back as none,
 * which is the same to most; `undefinedToo` is for whoever may tell the two apart.
 */
export function survivesJson(value: unknown, undefinedToo = false): boolean {
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value)
      ? everyItemSurvives(value, undefinedToo)
      : everyMemberSurvives(value, undefinedToo);
  }
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "string" || typeof value === "boolean" || value === null;
}

function everyItemSurvives(items: readonly unknown[], undefinedToo: boolean): boolean {
  if (!isPlainArray(items)) return false;
  for (let index = 0; index < items.length; index++) {
    const item = items[index];
    if (typeof item !== "string" && !survivesJson(item, undefinedToo)) return false;
  }
  return true;
}

/** No class of its own, and no `toJSON` that makes something else of it. */
function isPlainArray(items: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(items);
  // The prototype of arrays is one itself, in every realm; that of a class which extends them is none.
  return (prototype === Array.prototype || Array.isArray(prototype)) && !hasToJson(items);
}

/** Also one that cannot be seen among its members. */
function hasToJson(value: object): boolean {
  return typeof (value as { readonly toJSON?: unknown }).toJSON === "function";
}

function everyMemberSurvives(value: object, undefinedToo: boolean): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && !isPlainPrototype(prototype)) return false;
  // Such as `arguments`, which is no array to JSON.
  if (hasToJson(value) || Symbol.iterator in value) return false;
  for (const name in value) {
    const member: unknown = (value as Record<string, unknown>)[name];
    // The most frequent kinds first, without a call.
    if (typeof member === "string" || typeof member === "boolean") continue;
    if (member === undefined) {
      if (undefinedToo) return false;
      continue;
    }
    if (typeof member === "number") {
      // Neither NaN nor infinite.
      if (member - member === 0) continue;
      return false;
    }
    if (!survivesJson(member, undefinedToo)) return false;
  }
  return true;
}

/** Whether it holds what JSON makes nothing of: a Map, a Set, a number that is not finite. */
export function holdsUnencodable(value: unknown): boolean {
  if (typeof value === "number") return !Number.isFinite(value);
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Map || value instanceof Set) return true;
  if (Array.isArray(value)) return value.some(holdsUnencodable);
  const prototype: unknown = Object.getPrototypeOf(value);
  return isPlainPrototype(prototype) && Object.values(value).some(holdsUnencodable);
}

/** What does not survive, where it is and what is to be done. */
export interface JsonLoss {
  /** Such as `order.lines.3.price`; empty for the value itself. */
  readonly path: string;
  /** Such as `a Date`. */
  readonly what: string;
  readonly remedy: string;
}

/** The first part of a value that does not survive JSON. Slow; for the error. */
export function findJsonLoss(
  value: unknown,
  undefinedToo = false,
  path: readonly string[] = [],
): JsonLoss | undefined {
  if (survivesJson(value, undefinedToo)) return undefined;
  if (typeof value === "object" && value !== null) {
    const isArray = Array.isArray(value);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (isArray || prototype === Object.prototype || isPlainPrototype(prototype)) {
      const names = isArray ? Array.from(value, (_, index) => String(index)) : Object.keys(value);
      for (const name of names) {
        const member: unknown = (value as Record<string, unknown>)[name];
        if (member === undefined && !isArray) {
          if (undefinedToo) return { path: pathText([...path, name]), ...undefinedMember };
          continue;
        }
        const found = findJsonLoss(member, undefinedToo, [...path, name]);
        if (found !== undefined) return found;
      }
    }
  }
  return { path: pathText(path), ...lossOf(value) };
}

/** Also the prototype of plain objects of another realm. */
function isPlainPrototype(prototype: unknown): boolean {
  return (
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf"))
  );
}

const undefinedMember = {
  what: "undefined",
  remedy: "Leave the member out, or let the schema take one that is not there.",
} as const;

function lossOf(value: unknown): Pick<JsonLoss, "what" | "remedy"> {
  if (typeof value === "number") {
    return { what: String(value), remedy: "Publish a finite number, a string or null." };
  }
  if (value === undefined) return { what: "undefined in an array", remedy: "Publish null in its place." };
  if (typeof value === "function") return { what: "a function", remedy: "Publish data only." };
  if (typeof value !== "object" || value === null)
    return { what: `a ${typeof value}`, remedy: "Publish a string." };
  if (value instanceof Date) {
    return {
      what: "a Date",
      remedy: "Publish an ISO string: `z.iso.datetime()` in the schema, and `date.toISOString()`.",
    };
  }
  if (value instanceof Map)
    return { what: "a Map", remedy: "Publish `Object.fromEntries(map)`, or an array of its entries." };
  if (value instanceof Set) return { what: "a Set", remedy: "Publish an array: `[...set]`." };
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return { what: "binary data", remedy: "Publish Base64 text, or give the contract the `bytes` codec." };
  }
  const name: unknown = value.constructor?.name;
  const isNamed = typeof name === "string" && name !== "" && name !== "Object";
  const what = isNamed ? `an instance of ${name}` : "an object of a class";
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === "function")
    return { what, remedy: "Publish what its `toJSON` returns, and describe that in the schema." };
  if (!isNamed && Symbol.iterator in value)
    return { what: "an iterable object", remedy: "Publish an array: `[...value]`." };
  return { what, remedy: "Publish a plain object: `{ ...value }`, or give the contract a schema." };
}

function pathText(path: readonly string[]): string {
  const text = path.join(".");
  return text.length > 200 ? `${text.slice(0, 200).toWellFormed()}…` : text;
}
