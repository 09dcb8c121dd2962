import type { Filter, HeaderCondition } from "@waybill/core/spi";
import { attribute, isPlainName, isPlainValue } from "../mapping.ts";

/**
 * SNS takes five names and 150 combinations of values in a policy; two names are ours.
 * https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
 */
const mostNames = 3;
const mostCombinations = 50;

/** Words of the policy language: as names, they would be taken for operators. */
const operators = new Set([
  "anything-but",
  "cidr",
  "equals-ignore-case",
  "exists",
  "numeric",
  "prefix",
  "suffix",
  "wildcard",
]);

/** What lets through whatever SNS cannot judge: headers that are packed, and messages that are not of ours. */
const beyondJudgement = [
  { [attribute.headers]: [{ exists: true }] },
  { [attribute.metadata]: [{ exists: false }] },
];

/**
 * A filter policy that keeps back only what core would drop anyway. A condition that
 * SNS cannot be told exactly is left out, which lets more through. `undefined` where
 * nothing is left.
 */
export function policyOf(filter: Filter): string | undefined {
  const conditions: Record<string, readonly unknown[]> = {};
  let combinations = 1;
  for (const [name, condition] of Object.entries(filter)) {
    const values = valuesOf(condition);
    if (values === undefined || !isPlainName(name) || operators.has(name)) continue;
    if (Object.keys(conditions).length === mostNames || combinations * values.length > mostCombinations)
      continue;
    combinations *= values.length;
    conditions[name] = values;
  }
  if (Object.keys(conditions).length === 0) return undefined;
  return JSON.stringify({ $or: [conditions, ...beyondJudgement] });
}

/** Whether a policy is one that was made here, for whatever filter. */
export function isOurs(policy: string): boolean {
  return policy.startsWith('{"$or":[') && policy.endsWith(`${JSON.stringify(beyondJudgement).slice(1)}}`);
}

/**
 * `undefined` where a value is one that no attribute can hold: such headers are packed. So
 * it is for absence, which SNS finds only among other attributes: it would keep back what has none at all.
 * https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
 */
function valuesOf(condition: HeaderCondition): readonly unknown[] | undefined {
  if (typeof condition === "string") return isPlainValue(condition) ? [condition] : undefined;
  if ("exists" in condition) return condition.exists ? [{ exists: true }] : undefined;
  if ("prefix" in condition)
    return isPlainValue(condition.prefix) ? [{ prefix: condition.prefix }] : undefined;
  return condition.every(isPlainValue) ? condition : undefined;
}
