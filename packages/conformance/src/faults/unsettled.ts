import type { Capabilities } from "@waybill/core/spi";

/** As many partitions as adapters make by default. */
const mostPartitions = 6;

/**
 * How many deliveries a consumer may hold, or have handled without the broker knowing, when it is
 * lost: so many may come again. A log repeats whole partitions from their watermarks, and each of them
 * may be twice the prefetch ahead of its own.
 */
export function mostUnsettled({ settlement }: Pick<Capabilities, "settlement">, prefetch: number): number {
  return settlement === "cumulative" ? mostPartitions * 2 * prefetch : prefetch;
}
