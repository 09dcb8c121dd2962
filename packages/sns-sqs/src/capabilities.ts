import type { Capabilities, DelaySupport, Support } from "@waybill/core/spi";
import type { Settings } from "./options.ts";

const day = 86_400_000;
const hour = 3_600_000;

/** The longest delay that is taken on, in milliseconds. */
export const longestDelayMs: number = 30 * day;

/** A message can be invisible for twelve hours in all, and a handler may have had its share of them. In milliseconds. */
export const longestHiddenMs: number = 6 * hour;

/** Kept free of a message for what Waybill writes on it: metadata, and core's headers on retries and dead-lettered messages. */
const reservedBytes = 4_096;

const delay: DelaySupport = {
  how: "native",
  note: "DelaySeconds on standard queues; beyond 15 minutes, and behind topics, consumers put it back until it is due.",
  maxMs: longestDelayMs,
  // Whole seconds, rounded up.
  lateMs: 2_000,
};
const ttl: Support = {
  how: "emulated",
  note: "A time in an attribute; expired messages are dropped on receipt.",
};
const ordering: Support = { how: "native", note: "FIFO topics and queues; the key is the message group." };
const filters: Support = {
  how: "emulated",
  note: "Consumers filter; for a new subscription SNS keeps back what cannot match, by a filter policy.",
};
const broadcast: Support = { how: "emulated", note: "A temporary queue for each subscriber." };
const requestReply: Support = { how: "emulated", note: "A temporary queue for each client." };

/** What a driver of SNS and SQS can do, as a type: a client made with it has these features. */
export type SnsSqsCapabilities = ReturnType<typeof capabilitiesOf>;

/** What SNS and SQS offers with these settings. */
export function capabilitiesOf(settings: Settings) {
  return {
    features: { delay, ttl, ordering, filters, broadcast, requestReply },
    settlement: "individual",
    retry: { how: "native", maxDelayMs: longestHiddenMs },
    handBack: {
      how: "native",
      note: "The rest of a backoff as visibility time-out; the attempt is SQS's count of receipts, which nothing can set.",
      keepsAttempt: false,
      maxDelayMs: longestHiddenMs,
    },
    attempts: "exact",
    retention: "groups",
    lease: { ms: leaseSeconds(settings) * 1_000 },
    reportsUnrouted: false,
    publishing: { maxMessages: 100, maxBytes: 10 * settings.messageBytes, inFlight: 3 },
    limits: {
      // A binary body travels as base64, four characters for three bytes.
      messageBytes: Math.floor(((settings.messageBytes - reservedBytes) * 3) / 4),
      // Any header has a place: what no attribute can hold is packed, with four percent-encoded quotes and two signs.
      headers: { overheadBytes: 14 },
    },
  } as const satisfies Capabilities;
}

/** SQS counts leases in whole seconds. */
export function leaseSeconds({ leaseMs }: Settings): number {
  return Math.ceil(leaseMs / 1_000);
}
