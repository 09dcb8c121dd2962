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

/** Also the prototype of plain objects of another realm. */
export function isPlainPrototype(prototype: unknown): boolean {
  return (
    prototype === null ||
    (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf"))
  );
}
