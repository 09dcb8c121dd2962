import type { Capabilities } from "@waybill/core/spi";
import type { Settings } from "./options.ts";

const native = { how: "native" } as const;
const anyStart = { how: "native", from: ["earliest", "time", "position"] } as const;
const tenYearsMs = 315_360_000_000;

const capabilities = {
  features: {
    delay: { how: "native", maxMs: tenYearsMs, lateMs: 50, note: "A heap of due times with one timer." },
    ttl: native,
    ordering: { how: "native", note: "One member at a time has a key." },
    filters: native,
    broadcast: native,
    replay: anyStart,
    groupStart: anyStart,
    requestReply: native,
  },
  settlement: "individual",
  retry: { how: "native", maxDelayMs: tenYearsMs },
  handBack: { how: "native", keepsAttempt: true, maxDelayMs: tenYearsMs },
  attempts: "exact",
  retention: "groups",
  lease: { ms: 30_000 },
  reportsUnrouted: true,
  publishing: { maxMessages: 1_000, maxBytes: 16_777_216, inFlight: 4 },
  limits: { messageBytes: 1_048_576 },
} satisfies Capabilities;

/** What a driver of the embedded broker can do, as a type: a client made with it has these features. */
export type MemoryCapabilities = typeof capabilities;

/** What the embedded broker can do: everything. The lease and the largest message are options. */
export function capabilitiesOf({ broker, leaseMs }: Settings): MemoryCapabilities {
  const { messageBytes } = broker.settings;
  return { ...capabilities, lease: { ms: leaseMs }, limits: { messageBytes } };
}
