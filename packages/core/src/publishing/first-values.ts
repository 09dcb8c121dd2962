import type { AnyPayload } from "../api/contract.ts";

/** So many values of a contract are looked at closely. */
const most = 20;

const taken = new WeakMap<AnyPayload, number>();

/**
 * Whether a value is among the first of its contract. What costs as much as to encode a value is
 * done to these alone: where the fault is in the contract's form, it is in the first value too.
 */
export function isAmongFirst(payload: AnyPayload): boolean {
  return (taken.get(payload) ?? 0) < most;
}

/** One of the first was found right. Those that are refused do not count: the next is looked at as well. */
export function countTaken(payload: AnyPayload): void {
  taken.set(payload, (taken.get(payload) ?? 0) + 1);
}
