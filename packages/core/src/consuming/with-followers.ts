import type { InFlightDelivery } from "./in-flight-delivery.ts";
import type { InFlightList } from "./in-flight-list.ts";

/**
 * What matches and, where keys keep order, what follows it under its ordering key: that must not be handled before
 * it comes again.
 */
export function withFollowers(
  inFlight: InFlightList,
  keepsOrder: boolean,
  matching: (delivery: InFlightDelivery) => boolean,
): ReadonlySet<InFlightDelivery> {
  const keys = new Set<string>();
  // In order of receipt, so that what is found after the first of a key has come after it.
  const found = inFlight.filter((delivery) => {
    const key = keepsOrder ? delivery.message.key : undefined;
    if (key === undefined) return matching(delivery);
    const goes = keys.has(key) || matching(delivery);
    if (goes) keys.add(key);
    return goes;
  });
  return new Set(found);
}
