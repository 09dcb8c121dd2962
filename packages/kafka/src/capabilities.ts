import type { Capabilities } from "@waybill/core/spi";

/** What a message's metadata and framing may take of the broker's limit beside body, key and headers. */
const reservedBytes = 2_048;

/** What a record takes for each header beside its name and value: the two lengths, at most. */
const headerOverheadBytes = 10;

/** The longest delay: as long as Kafka keeps what nobody reads, by default. */
const maxDelayMs = 7 * 86_400_000;

/** What Kafka offers, where the broker takes messages of so many bytes. */
export function capabilitiesOf(maxMessageBytes: number) {
  return {
    features: {
      delay: {
        how: "emulated",
        maxMs: maxDelayMs,
        lateMs: 1_000,
        lateRatio: 0.1,
        note: "A delay topic whose partitions are tiers of delay; consumers forward what is due to its topic. Costs a few writes per message, and waits while no consumer runs.",
      },
      ttl: { how: "emulated", note: "A header; what has expired is dropped on receipt." },
      ordering: { how: "native", note: "The key picks the partition, by the Java client's hash." },
      filters: { how: "emulated", note: "Every message is received, and dropped if it does not match." },
      broadcast: { how: "native", note: "Partitions are read without a consumer group." },
      replay: {
        how: "native",
        from: ["earliest", "time", "position"],
        note: "By offset and timestamp; a position counts in its own partition, the others start at its time.",
      },
      groupStart: {
        how: "native",
        from: ["earliest", "time", "position"],
        note: "The group's offsets are committed when it is declared.",
      },
      requestReply: { how: "emulated", note: "A short-lived reply topic per client." },
    },
    settlement: "cumulative",
    retry: { how: "republish" },
    handBack: {
      how: "emulated",
      note: "A text beside the partition's committed offset; room for some 200 messages.",
      keepsAttempt: true,
      maxDelayMs,
    },
    attempts: "lower-bound",
    retention: "log",
    lease: undefined,
    reportsUnrouted: false,
    publishing: { maxMessages: 1_000, maxBytes: maxMessageBytes - reservedBytes, inFlight: 1 },
    limits: {
      messageBytes: maxMessageBytes - reservedBytes,
      headers: { overheadBytes: headerOverheadBytes },
    },
  } as const satisfies Capabilities;
}

/** What a driver of Kafka can do, as a type: a client made with it has these features. */
export type KafkaCapabilities = ReturnType<typeof capabilitiesOf>;
