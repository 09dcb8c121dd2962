import type { Classification } from "@waybill/core/spi";

/** What an error of the vendor client means; `undefined` when it is not the vendor's. */
export function classify(_cause: unknown): Classification | undefined {
  return undefined;
}
