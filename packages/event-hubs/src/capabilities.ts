import type { Capabilities } from "@waybill/core/spi";

/** What EventHubs can do. Declare what works: core refuses the rest, and the conformance suite proves both. */
export const capabilities = {
  features: {},
  settlement: "individual",
  retry: { how: "native", maxDelayMs: 0 },
  attempts: "lower-bound",
  retention: "groups",
  lease: undefined,
  reportsUnrouted: false,
  publishing: { maxMessages: 100, maxBytes: 1_000_000, inFlight: 1 },
  limits: { messageBytes: 1_000_000 },
} as const satisfies Capabilities;
