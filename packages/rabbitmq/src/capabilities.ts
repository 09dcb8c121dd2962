import type { Capabilities, DelaySupport, HeaderRules, ReplaySupport, Support } from "@waybill/core/spi";
import { longestDelayMs } from "./delays/tiers.ts";
import type { Settings } from "./options.ts";

const positions: ReplaySupport["from"] = ["earliest", "time", "position"];

const delay: DelaySupport = {
  how: "emulated",
  note: "Waits in one of fewer than 200 shared quorum queues, each with one message TTL, and is dead-lettered from there to where it belongs.",
  maxMs: longestDelayMs,
  lateMs: 1_000,
  lateRatio: 0.1,
};
const ttl: Support = {
  how: "emulated",
  note: "A header; expired messages stay in their queue until a consumer drops them.",
};
const ordering: Support = {
  how: "native",
  note: "A queue with a single active consumer: one member works, the others stand by.",
};
const filters: Support = { how: "emulated", note: "Every group's queue gets every message of the topic." };
const broadcast: Support = {
  how: "native",
  note: "An exclusive queue that the broker deletes with its connection.",
};
const replay: ReplaySupport = {
  how: "native",
  note: "A stream bound to the topic's exchange, read from an offset.",
  from: positions,
};
const groupStart: ReplaySupport = {
  how: "emulated",
  note: "Whoever makes the group copies the past out of the topic's stream; what is published during the copy may come twice.",
  from: positions,
};
const requestReply: Support = { how: "native", note: "An exclusive queue per client." };

/**
 * amqplib encodes all headers of a message into one buffer of 64 KiB (its
 * `defs.js`), metadata and failure headers included: so the rest is kept free for those.
 */
const headerBytes = 48 * 1024;

/** In the table a name has one byte for its length, and a value five for its type and length. */
const headers: HeaderRules = { overheadBytes: 6, nameBytes: 255 };

/** What RabbitMQ offers with these settings. */
export function capabilitiesOf(settings: Pick<Settings, "queueType" | "maxMessageBytes">) {
  return {
    features: { delay, ttl, ordering, filters, broadcast, replay, groupStart, requestReply },
    settlement: "individual",
    retry: { how: "republish" },
    handBack: {
      how: "emulated",
      note: "A message in a queue beside the ordered one, which whoever becomes active next reads first.",
      keepsAttempt: true,
      maxDelayMs: longestDelayMs,
    },
    attempts: settings.queueType === "quorum" ? "exact" : "lower-bound",
    retention: "groups",
    lease: undefined,
    reportsUnrouted: true,
    publishing: {
      maxMessages: 500,
      maxBytes: Math.max(4 * 1024 * 1024, settings.maxMessageBytes),
      inFlight: 8,
    },
    limits: { messageBytes: settings.maxMessageBytes, headerBytes, keyBytes: 2_048, headers },
  } as const satisfies Capabilities;
}
