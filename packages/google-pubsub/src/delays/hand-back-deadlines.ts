import type { DelayedHandBack, ReceivedMessage } from "@waybill/core/spi";
import { longestHandBackMs } from "../capabilities.ts";
import type { GooglePubsubDelivery } from "../delivery.ts";

/**
 * For how many seconds the service is to keep each of these from everybody: what waits for its next
 * attempt for the rest of its backoff, and what follows it under its ordering key for a second
 * more, so that it cannot overtake. The rest is to come at once.
 */
export function deadlinesOf(
  held: readonly GooglePubsubDelivery[],
  delayed: ReadonlyMap<ReceivedMessage, DelayedHandBack>,
): ReadonlyMap<number, readonly GooglePubsubDelivery[]> {
  const secondsOf = (delivery: GooglePubsubDelivery) =>
    Math.ceil(Math.min(delayed.get(delivery)?.delayMs ?? 0, longestHandBackMs) / 1_000);
  const byKey = new Map<string, number>();
  for (const delivery of held) {
    const seconds = secondsOf(delivery);
    const { key } = delivery;
    if (key !== undefined && seconds > 0) byKey.set(key, Math.max(seconds, byKey.get(key) ?? 0));
  }
  return Map.groupBy(held, (delivery) => {
    const ofKey = delivery.key === undefined ? undefined : byKey.get(delivery.key);
    return delayed.has(delivery) || ofKey === undefined ? secondsOf(delivery) : ofKey + 1;
  });
}
