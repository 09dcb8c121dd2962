import type { Claimed, RawEntry } from "../client/scripts/claim.ts";
import type { RedisDelivery, Side } from "../delivery.ts";
import type { EntryMapping } from "../mapping.ts";

/** An entry delivered for the first time. `leasedAt`: a moment not after that, by `performance.now`. */
export function fresh(
  mapping: EntryMapping,
  side: Side,
  [id, fields]: RawEntry,
  leasedAt: number,
): RedisDelivery {
  const delivery = mapping.decode(id.toString("latin1"), fields);
  delivery.side = side;
  delivery.leasedAt = leasedAt;
  return delivery;
}

/** Entries taken over from another consumer, with the deliveries before this one counted. */
export function takenOver(
  mapping: EntryMapping,
  side: Side,
  claimed: Claimed,
  leasedAt: number,
): RedisDelivery[] {
  return claimed.entries.map((entry) => {
    const delivery = fresh(mapping, side, entry, leasedAt);
    const before = claimed.deliveredBefore.get(delivery.entry) ?? 1;
    delivery.count = before + 1;
    delivery.redeliveries += before;
    const waitMs = claimed.waits.get(delivery.entry);
    if (waitMs !== undefined) delivery.dueAt = leasedAt + waitMs;
    return delivery;
  });
}
