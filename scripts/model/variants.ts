import type { Variant } from "@waybill/conformance/model";
import { LogBroker } from "./log-broker.ts";
import { memoryVariants } from "./memory-variants.ts";

/** Every kind of broker that programs run on. */
export const variants: readonly Variant[] = [
  ...memoryVariants,
  {
    name: "log",
    about: "Partitions, offsets for acks, no counts: retries are published again.",
    countsAttempts: false,
    open: (clock, events) => new LogBroker(clock, events),
  },
];
