import type { Capabilities, DelaySupport, ReplaySupport, Support } from "@waybill/core/spi";
import { mostHeaders } from "./client/header-packing.ts";
import type { Settings } from "./options.ts";

/** The service keeps unacked messages for seven days at most; a delay should end well before. */
const longestDelayMs = 6 * 86_400_000;

/** How long a message that is handed back can be kept back, in milliseconds: an ack deadline has at most 600 s. */
export const longestHandBackMs = 599_000;

const delay: DelaySupport = {
  how: "emulated",
  note: "Consumers defer a message until it is due by moving its ack deadline; a call for each hour's sixth of delay.",
  maxMs: longestDelayMs,
  lateMs: 3_000,
};
const ttl: Support = { how: "emulated", note: "An attribute; expired messages are dropped on receipt." };
const ordering: Support = { how: "native", note: "Ordering keys." };
const filters: Support = {
  how: "native",
  note: "The subscription's filter; what does not fit into its 256 bytes is dropped on receipt.",
};
const broadcast: Support = { how: "native", note: "A subscription of its own, deleted when it closes." };
const replay: ReplaySupport = {
  how: "native",
  note: "Topic retention, and a new subscription that seeks to a time.",
  from: ["earliest", "time"],
};
const groupStart: ReplaySupport = { how: "native", note: "Seek to a time.", from: ["earliest", "time"] };
const requestReply: Support = {
  how: "emulated",
  note: "A topic shared by all clients, with a filtered subscription for each.",
};

/** What a driver of Pub/Sub can do, as a type: a client made with it has these features. */
export type GooglePubsubCapabilities = ReturnType<typeof capabilitiesOf>;

/** What Pub/Sub offers with these settings. */
export function capabilitiesOf(settings: Settings) {
  return {
    features: { delay, ttl, ordering, filters, broadcast, replay, groupStart, requestReply },
    settlement: "individual",
    retry: { how: "republish" },
    handBack: {
      how: "native",
      note: "The rest of a backoff as ack deadline, up to ten minutes; attempts count from one again, since the service has no place for them.",
      keepsAttempt: false,
      maxDelayMs: longestHandBackMs,
    },
    attempts: "lower-bound",
    retention: "groups",
    lease: { ms: settings.leaseMs },
    reportsUnrouted: false,
    publishing: { maxMessages: 1_000, maxBytes: 1_000_000, inFlight: 6 },
    limits: {
      messageBytes: 9_900_000,
      headerBytes: 75_000,
      keyBytes: 1_024,
      // Names and values that no attribute can hold are packed; more headers than this might not fit.
      headers: { maxCount: mostHeaders },
    },
  } as const satisfies Capabilities;
}
