import { requireFeature } from "../connection/require-feature.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { isPlainObject } from "../runtime/plain-object.ts";
import type { Filter, HeaderCondition } from "../spi/address.ts";
import type { Driver } from "../spi/driver.ts";
import type { Headers } from "../spi/message.ts";

/** Whether headers meet all conditions. For brokers that do not filter themselves. */
export function matches(filter: Filter, headers: Headers): boolean {
  for (const name in filter) {
    const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (!meets(filter[name] as HeaderCondition, value)) return false;
  }
  return true;
}

function meets(condition: HeaderCondition, value: string | undefined): boolean {
  if (typeof condition === "object" && "exists" in condition)
    return (value !== undefined) === condition.exists;
  if (value === undefined) return false;
  if (typeof condition === "string") return value === condition;
  if ("prefix" in condition) return value.startsWith(condition.prefix);
  return condition.includes(value);
}

/** @throws MessagingError `UNSUPPORTED`, `INVALID_ARGUMENT` */
export function checkFilter(filter: unknown, driver: Driver): asserts filter is Filter {
  requireFeature(driver, "filters", "`filter`", "Filter in the handler.");
  if (!isPlainObject(filter)) throw notLegal("it is not a plain object");
  for (const [name, condition] of Object.entries(filter)) {
    if (typeof condition === "string") continue;
    if (
      Array.isArray(condition) &&
      condition.length > 0 &&
      condition.every((item) => typeof item === "string")
    )
      continue;
    if (typeof condition === "object" && condition !== null && Object.keys(condition).length === 1) {
      if ("prefix" in condition && typeof condition.prefix === "string") continue;
      if ("exists" in condition && typeof condition.exists === "boolean") continue;
    }
    throw notLegal(`"${name}" is no condition`);
  }
}

function notLegal(why: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `A filter was given that cannot be read: ${why}.`, {
    remedy: 'Give for each header a string, a list of strings, { prefix: "…" } or { exists: true | false }.',
  });
}
