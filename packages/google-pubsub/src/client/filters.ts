import { type Filter, type HeaderCondition, type Headers, metadataHeaders } from "@waybill/core/spi";
import { packedName } from "./header-packing.ts";

/** A subscription's filter has at most 256 bytes (https://cloud.google.com/pubsub/docs/subscription-message-filter). */
const longest = 256;
const metadata: ReadonlySet<string> = new Set(Object.values(metadataHeaders));

/**
 * The filter in the service's own language, so that what is not wanted is neither
 * sent nor paid for; empty where it cannot be said. Messages with packed headers
 * pass, since the service cannot look into those: consumers look again.
 */
export function nativeFilter(filter: Filter | undefined): string {
  const conditions: string[] = [];
  for (const [name, condition] of Object.entries(filter ?? {})) {
    if (metadata.has(name)) continue;
    const term = termOf(name, condition);
    if (term !== undefined) conditions.push(term);
  }
  if (conditions.length === 0) return "";
  const text = `(${conditions.join(" AND ")}) OR attributes:"${packedName}"`;
  return text.length <= longest ? text : "";
}

/** Whether headers meet all conditions. */
export function matches(filter: Filter, headers: Headers): boolean {
  for (const name in filter) if (!meets(filter[name] as HeaderCondition, headers[name])) return false;
  return true;
}

/** A condition on a header as the service says it; `undefined` where it cannot. */
function termOf(name: string, condition: HeaderCondition): string | undefined {
  if (name === "" || !quotable(name)) return undefined;
  const exists = `attributes:"${name}"`;
  if (typeof condition === "object" && "exists" in condition)
    return condition.exists ? exists : `NOT ${exists}`;
  // Only of such names it is known that everybody reads them the same way after a dot.
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return undefined;
  if (typeof condition === "object" && "prefix" in condition) {
    if (condition.prefix === "") return exists;
    return quotable(condition.prefix) ? `hasPrefix(attributes.${name}, "${condition.prefix}")` : undefined;
  }
  const values = typeof condition === "string" ? [condition] : condition;
  if (!values.every(quotable)) return undefined;
  const terms = values.map((value) => `attributes.${name} = "${value}"`);
  return terms.length === 1 ? terms[0] : `(${terms.join(" OR ")})`;
}

/** Printable ASCII without quotes and backslashes. */
function quotable(text: string): boolean {
  return /^[ !#-[\]-~]*$/.test(text);
}

function meets(condition: HeaderCondition, value: string | undefined): boolean {
  if (typeof condition === "object" && "exists" in condition)
    return (value !== undefined) === condition.exists;
  if (value === undefined) return false;
  if (typeof condition === "string") return value === condition;
  if ("prefix" in condition) return value.startsWith(condition.prefix);
  return condition.includes(value);
}
