import type { Capabilities, HandBackSupport } from "@waybill/core/spi";
import type { Settings } from "./options.ts";

/** What a message's metadata and framing may take of the service's limit beside body, key and headers. */
const reservedBytes = 4_096;

/** What an application property takes beside its name and value: type and length of each, at most. */
const headerOverheadBytes = 10;

/** The longest delay. What waits is written anew in every tier, so a hub's retention does not bound it. */
const maxDelayMs = 7 * 86_400_000;

const handBack: HandBackSupport = {
  how: "emulated",
  note: "A text with the partition's checkpoint; room for some 200 messages.",
  keepsAttempt: true,
  maxDelayMs,
};

/** What Event Hubs offers, where the tier takes messages of so many bytes. */
export function capabilitiesOf({
  maxMessageBytes,
  checkpointStore,
}: Pick<Settings, "maxMessageBytes" | "checkpointStore">) {
  const messageBytes = maxMessageBytes - reservedBytes;
  return {
    features: {
      delay: {
        how: "emulated",
        maxMs: maxDelayMs,
        lateMs: 1_500,
        lateRatio: 0.1,
        note: "One hub for all that waits, whose partitions are tiers of delay; consumers forward what is due. Costs a few writes per message, and waits while no consumer runs.",
      },
      ttl: {
        how: "emulated",
        note: "The message's absolute-expiry-time; what has expired is dropped on receipt.",
      },
      ordering: { how: "native", note: "The key is the partition key." },
      filters: { how: "emulated", note: "Every message is received, and dropped if it does not match." },
      broadcast: {
        how: "native",
        note: "Partitions are read without ownership: at most five readers per consumer group.",
      },
      replay: {
        how: "native",
        from: ["earliest", "time", "position"],
        note: "By sequence number and enqueued time; a position counts in its own partition, the others start at its time.",
      },
      groupStart: {
        how: "native",
        from: ["earliest", "time", "position"],
        note: "The group's checkpoints are written when it is declared.",
      },
      requestReply: {
        how: "emulated",
        note: "One reply hub for all clients; each reads one partition of it.",
      },
    },
    settlement: "cumulative",
    retry: { how: "republish" },
    // A store that the application gives keeps the vendor's fields, and maybe no others.
    handBack: checkpointStore === undefined ? handBack : undefined,
    attempts: "lower-bound",
    retention: "log",
    lease: undefined,
    reportsUnrouted: false,
    publishing: { maxMessages: 1_000, maxBytes: messageBytes, inFlight: 4 },
    limits: { messageBytes, keyBytes: 128, headers: { overheadBytes: headerOverheadBytes } },
  } as const satisfies Capabilities;
}

/** What a driver of Event Hubs can do, as a type: a client made with it has these features. */
export type EventHubsCapabilities = ReturnType<typeof capabilitiesOf>;
