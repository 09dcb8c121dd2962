import type { Driver } from "@waybill/core/spi";
import type { ConformanceTarget } from "../src/target.ts";

/** A driver that never connects: enough for the cases that need no broker, and all others fail. */
export const stubTarget = (more: Partial<ConformanceTarget> = {}): ConformanceTarget => ({
  adapter: "stub",
  driver: (): Driver => ({
    specVersion: "1",
    name: "stub",
    capabilities: {
      features: { ordering: { how: "native" } },
      settlement: "individual",
      retry: { how: "native", maxDelayMs: 1_000 },
      attempts: "exact",
      retention: "groups",
      lease: undefined,
      reportsUnrouted: false,
      publishing: { maxMessages: 10, maxBytes: 1_000, inFlight: 1 },
      limits: { messageBytes: 1_000 },
    },
    naming: { rule: "Any.", toBrokerName: (name) => name },
    connect: () => Promise.reject(new Error("There is no broker.")),
    classify: () => ({ code: "AUTHENTICATION_FAILED" }),
  }),
  ...more,
});
