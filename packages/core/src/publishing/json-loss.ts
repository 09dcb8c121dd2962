import { type Loss, lossOf } from "./json-remedies.ts";
import { isPlainPrototype, survivesJson } from "./json-survival.ts";

/** What does not survive, where it is and what is to be done. */
export interface JsonLoss extends Loss {
  /** Such as `order.lines.3.price`; empty for the value itself. */
  readonly path: string;
}

/** The first part of a value that does not survive JSON. Slow; for the error. */
export function findJsonLoss(
  value: unknown,
  undefinedToo = false,
  path: readonly string[] = [],
): JsonLoss | undefined {
  if (survivesJson(value, undefinedToo)) return undefined;
  if (isPlain(value)) {
    const isArray = Array.isArray(value);
    const names = isArray ? Array.from(value, (_, index) => String(index)) : Object.keys(value);
    for (const name of names) {
      const member = value[name];
      if (member === undefined && !isArray) {
        if (undefinedToo) return { path: pathText([...path, name]), ...undefinedMember };
        continue;
      }
      const found = findJsonLoss(member, undefinedToo, [...path, name]);
      if (found !== undefined) return found;
    }
  }
  return { path: pathText(path), ...lossOf(value) };
}

/** What `JSON.stringify` throws at: the first BigInt, or part that holds itself. Looks no further than that does. */
export function findUnencodable(
  value: unknown,
  path: readonly string[] = [],
  holders: readonly unknown[] = [],
): JsonLoss | undefined {
  if (typeof value === "bigint") return { path: pathText(path), ...lossOf(value) };
  if (!isPlain(value) || "toJSON" in value) return undefined;
  if (holders.includes(value)) return { path: pathText(path), ...cycle };
  for (const name of Object.keys(value)) {
    const found = findUnencodable(value[name], [...path, name], [...holders, value]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The first member that JSON leaves out because of its name: a symbol, or of an array what is no index.
 * For what survives JSON otherwise. To look for these costs as much as to encode the value.
 */
export function findUnnamed(value: unknown, path: readonly string[] = []): JsonLoss | undefined {
  if (!isPlain(value)) return undefined;
  for (const symbol of Object.getOwnPropertySymbols(value)) {
    if (Object.prototype.propertyIsEnumerable.call(value, symbol))
      return { path: pathText([...path, String(symbol)]), ...symbolMember };
  }
  const names = Object.keys(value);
  const extra = Array.isArray(value) ? names[value.length] : undefined;
  if (extra !== undefined) return { path: pathText([...path, extra]), ...arrayMember };
  for (const name of names) {
    const member = value[name];
    if (typeof member !== "object") continue;
    const found = findUnnamed(member, [...path, name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  return Array.isArray(value) || isPlainPrototype(Object.getPrototypeOf(value));
}

const undefinedMember = {
  what: "undefined",
  remedy: "Leave the member out, or let the schema take one that is not there.",
} as const;

const cycle = {
  what: "an object inside itself",
  remedy: "Publish an id in its place, or leave it out.",
} as const;

const symbolMember = {
  what: "a member named by a symbol",
  remedy: "Name it by a string, or leave it out.",
} as const;

const arrayMember = {
  what: "a member of an array beside its items",
  remedy: "Publish an object that holds both, or copy the items alone: `[...array]`.",
} as const;

function pathText(path: readonly string[]): string {
  const text = path.join(".");
  return text.length > 200 ? `${text.slice(0, 200).toWellFormed()}…` : text;
}
