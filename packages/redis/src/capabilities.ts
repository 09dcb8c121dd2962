import type { Capabilities, DelaySupport, ReplaySupport, Support } from "@waybill/core/spi";
import { mostHeaders } from "./mapping.ts";
import type { Settings } from "./options.ts";

/** Redis sets no limit of its own here: due times are scores, exact to the millisecond for longer than this. */
const longestDelayMs = 366 * 86_400_000;

const positions: ReplaySupport["from"] = ["earliest", "time", "position"];

const delay: DelaySupport = {
  how: "emulated",
  note: "A sorted set by due time; consumers of the destination move what is due with a script.",
  maxMs: longestDelayMs,
  lateMs: 1_000,
};
const ttl: Support = {
  how: "emulated",
  note: "A field of the entry; expired entries are dropped on receipt.",
};
const ordering: Support = {
  how: "emulated",
  note: "One active member per group, by a lock; the others stand by.",
};
const filters: Support = { how: "emulated", note: "Every group reads every entry of the topic." };
const broadcast: Support = { how: "native", note: "XREAD from the end of the stream." };
const replay: ReplaySupport = { how: "native", note: "XREAD from an entry id.", from: positions };
const groupStart: ReplaySupport = { how: "native", note: "XGROUP CREATE at an entry id.", from: positions };
const requestReply: Support = { how: "emulated", note: "A stream per client that expires with it." };

/** What Redis offers with these settings. */
export function capabilitiesOf(settings: Settings) {
  return {
    features: { delay, ttl, ordering, filters, broadcast, replay, groupStart, requestReply },
    settlement: "individual",
    retry: { how: "native", maxDelayMs: longestDelayMs },
    handBack: {
      how: "emulated",
      note: "The count goes into the group's list of pending entries, the wait into a hash beside it.",
      keepsAttempt: true,
      maxDelayMs: longestDelayMs,
    },
    attempts: "exact",
    retention: "groups",
    lease: { ms: settings.leaseMs },
    reportsUnrouted: false,
    publishing: { maxMessages: 500, maxBytes: 16 * 1024 * 1024, inFlight: 3 },
    limits: { messageBytes: 16 * 1024 * 1024, headers: { maxCount: mostHeaders } },
  } as const satisfies Capabilities;
}
