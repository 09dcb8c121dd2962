import { type Classification, errorChain, isTransientAs } from "@waybill/core/spi";

interface KafkaError {
  readonly name?: unknown;
  /** Of protocol errors: Kafka's own name for it. */
  readonly type?: unknown;
  /** Of connection errors: what the operating system said. */
  readonly code?: unknown;
  readonly retriable?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/** Kafka's name for a protocol error (https://kafka.apache.org/protocol#protocol_error_codes), as kafkajs spells it. */
export function errorType(error: unknown): string | undefined {
  for (const link of errorChain<KafkaError>(error)) {
    if (typeof link.type === "string") return link.type;
    // Creating topics answers with one error for all.
    const [first] = (link as { errors?: readonly KafkaError[] }).errors ?? [];
    if (typeof first?.type === "string") return first.type;
  }
  return undefined;
}

/** What kafkajs's errors mean. The innermost cause counts: the outer ones only say that it was tried again. */
export function classify(cause: unknown): Classification | undefined {
  const type = errorType(cause);
  if (type !== undefined) return byType(type);
  let found: Classification | undefined;
  for (const link of errorChain<KafkaError>(cause)) found = byName(link) ?? found;
  return found;
}

/** Whether the same call may succeed later without anybody doing something. */
export function isTransient(error: unknown): boolean {
  return isTransientAs(classify(error));
}

function byName(error: KafkaError): Classification | undefined {
  switch (error.name) {
    case "KafkaJSConnectionClosedError":
      return { code: "CONNECTION_LOST" };
    case "KafkaJSConnectionError":
      return connectionError(error);
    case "KafkaJSRequestTimeoutError":
    case "KafkaJSLockTimeout":
    case "KafkaJSTimeout":
      return { code: "TIMEOUT", retryable: true };
    case "KafkaJSSASLAuthenticationError":
      return wrongCredentials;
    case "KafkaJSNotImplemented":
      return {
        code: "UNSUPPORTED",
        retryable: false,
        remedy: "Register a codec for this compression in kafkajs's `CompressionCodecs`.",
      };
    case "KafkaJSServerDoesNotSupportApiKey":
      return { code: "UNSUPPORTED", retryable: false, remedy: "Use Kafka 2.1 or newer." };
    case "UnsupportedFormatError":
      return { code: "UNSUPPORTED", retryable: false };
    // Brokers of the cached list that are gone, or a coordinator that nobody knows yet: the next try asks anew.
    case "KafkaJSBrokerNotFound":
    case "KafkaJSGroupCoordinatorNotFound":
    case "KafkaJSNoBrokerAvailableError":
    case "KafkaJSMetadataNotLoaded":
    case "KafkaJSTopicMetadataNotLoaded":
      return { code: "CONNECTION_LOST", retryable: true };
    default:
      if (typeof error.name !== "string" || !error.name.startsWith("KafkaJS")) return undefined;
      return { code: "BROKER_ERROR", retryable: error.retriable === true };
  }
}

const nobodyThere = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
]);

function connectionError(error: KafkaError): Classification {
  const code = typeof error.code === "string" ? error.code : "";
  const message = typeof error.message === "string" ? error.message : "";
  if (nobodyThere.has(code) || message === "Connection timeout") return { code: "UNREACHABLE" };
  if (/CERT|TLS|SSL|ALTNAME/.test(code)) {
    return {
      code: "UNREACHABLE",
      retryable: false,
      remedy: "The TLS handshake failed. Check the `ssl` and `tls` options against the broker's listener.",
    };
  }
  return { code: "CONNECTION_LOST" };
}

const wrongCredentials: Classification = {
  code: "AUTHENTICATION_FAILED",
  remedy: "Check `username`, `password` and `mechanism` against the broker's listener.",
};

function byType(type: string): Classification {
  switch (type) {
    case "UNKNOWN_TOPIC_OR_PARTITION":
      return { code: "NOT_FOUND" };
    case "INVALID_TOPIC_EXCEPTION":
      return { code: "INVALID_NAME" };
    case "MESSAGE_TOO_LARGE":
    case "RECORD_LIST_TOO_LARGE":
      return {
        code: "MESSAGE_TOO_LARGE",
        remedy: "Lower the option `maxMessageBytes` to the topic's own max.message.bytes, or raise that.",
      };
    case "SASL_AUTHENTICATION_FAILED":
    case "UNSUPPORTED_SASL_MECHANISM":
    case "ILLEGAL_SASL_STATE":
      return wrongCredentials;
    case "REQUEST_TIMED_OUT":
      return { code: "TIMEOUT" };
    default:
      if (type.endsWith("_AUTHORIZATION_FAILED")) return { code: "PERMISSION_DENIED" };
      return { code: "BROKER_ERROR", retryable: passing.has(type) };
  }
}

/** What a cluster says while it elects leaders, moves coordinators or starts. */
const passing = new Set([
  "BROKER_NOT_AVAILABLE",
  "CORRUPT_MESSAGE",
  "FENCED_LEADER_EPOCH",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
  "ILLEGAL_GENERATION",
  "KAFKA_STORAGE_ERROR",
  "LEADER_NOT_AVAILABLE",
  "NETWORK_EXCEPTION",
  "NOT_CONTROLLER",
  "NOT_COORDINATOR_FOR_GROUP",
  "NOT_ENOUGH_REPLICAS",
  "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  "NOT_LEADER_FOR_PARTITION",
  "OFFSET_NOT_AVAILABLE",
  "PREFERRED_LEADER_NOT_AVAILABLE",
  "REASSIGNMENT_IN_PROGRESS",
  "REBALANCE_IN_PROGRESS",
  "REPLICA_NOT_AVAILABLE",
  "UNKNOWN_LEADER_EPOCH",
  "UNKNOWN_MEMBER_ID",
  "UNSTABLE_OFFSET_COMMIT",
]);

/** A broker disowned a partition that the cluster still knows: its leader is moving. */
export class LeaderMovedError extends Error {
  override readonly name = "LeaderMovedError";
  readonly type = "LEADER_NOT_AVAILABLE";
  constructor(topic: string) {
    super(`The leader of a partition of "${topic}" is moving.`);
  }
}

/** The broker speaks, or a topic holds, something that this adapter does not read. */
export class UnsupportedFormatError extends Error {
  override readonly name = "UnsupportedFormatError";
}
