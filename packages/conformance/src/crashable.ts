import type { Driver } from "@waybill/core/spi";

/** A driver that can be made to die. */
export interface Crashable {
  readonly driver: Driver;
  /** For whoever takes over: with leases as short as the dying one's, where the target has short ones. */
  readonly replacement: Driver;
  /** Its connections vanish without a word to the broker, and it gets no others. */
  die(): Promise<void>;
}
