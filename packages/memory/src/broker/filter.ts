import type { Filter, HeaderCondition, Headers } from "@waybill/core/spi";

/** Whether the headers meet every condition. */
export function matches(filter: Filter | undefined, headers: Headers): boolean {
  for (const name in filter) {
    if (!meets(filter[name] as HeaderCondition, headers[name])) return false;
  }
  return true;
}

function meets(condition: HeaderCondition, value: string | undefined): boolean {
  if (typeof condition === "string") return value === condition;
  if ("exists" in condition) return (value !== undefined) === condition.exists;
  if (value === undefined) return false;
  return "prefix" in condition ? value.startsWith(condition.prefix) : condition.includes(value);
}

/** Whether two filters let the same through, as far as their wording tells. */
export function sameFilter(a: Filter | undefined, b: Filter | undefined): boolean {
  return canonical(a) === canonical(b);
}

function canonical(filter: Filter | undefined): string {
  const conditions = Object.entries(filter ?? {}).map(([name, condition]) => [
    name,
    isList(condition) ? [...condition].sort() : condition,
  ]);
  return JSON.stringify(conditions.sort());
}

function isList(condition: HeaderCondition): condition is readonly string[] {
  return Array.isArray(condition);
}
