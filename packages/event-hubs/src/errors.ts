import { type Classification, errorChain, isTransientAs } from "@waybill/core/spi";
import { conditionOf, ownConditions } from "./client/amqp-error.ts";

interface VendorError {
  readonly name?: unknown;
  /** Of the vendor client: its name for the condition. Of sockets and DNS: the system's. Of storage: the service's. */
  readonly code?: unknown;
  readonly statusCode?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

const wrongCredentials: Classification = {
  code: "AUTHENTICATION_FAILED",
  remedy: "Check the shared access key, or the Azure credential, and that it is one of this namespace.",
};

const throttled: Classification = {
  code: "OVERLOADED",
  retryable: true,
  remedy: "The namespace is throttled: raise its throughput units, or turn on auto-inflate.",
};

const ownershipLost: Classification = {
  code: "CONNECTION_LOST",
  retryable: true,
  remedy:
    "Another reader of this consumer group took the partition: do not mix readers in one consumer group.",
};

const overQuota: Classification = {
  code: "BROKER_ERROR",
  retryable: true,
  remedy:
    "A quota of the namespace is used up: five readers per partition and consumer group, or the connections and hubs of its tier.",
};

const tooLarge: Classification = {
  code: "MESSAGE_TOO_LARGE",
  remedy: "Lower the option `maxMessageBytes` to the tier's limit (262144 for Basic).",
};

const passing: Classification = { code: "BROKER_ERROR", retryable: true };

/** Conditions of AMQP, of Event Hubs (https://learn.microsoft.com/azure/event-hubs/exceptions-dotnet) and our own. */
const byCondition: Readonly<Record<string, Classification>> = {
  "amqp:connection:forced": { code: "CONNECTION_LOST" },
  "amqp:connection:framing-error": {
    code: "UNREACHABLE",
    retryable: false,
    remedy:
      "The server at this address does not speak AMQP 1.0, or wants TLS: check the port and the option `emulator`.",
  },
  "amqp:connection:redirect": { code: "CONNECTION_LOST" },
  "amqp:decode-error": { code: "BROKER_ERROR", retryable: false },
  "amqp:frame-size-too-small": { code: "BROKER_ERROR", retryable: false },
  "amqp:illegal-state": passing,
  "amqp:internal-error": passing,
  "amqp:invalid-field": { code: "BROKER_ERROR", retryable: false },
  "amqp:link:detach-forced": { code: "CONNECTION_LOST" },
  "amqp:link:message-size-exceeded": tooLarge,
  "amqp:link:redirect": { code: "CONNECTION_LOST" },
  "amqp:link:stolen": ownershipLost,
  "amqp:link:transfer-limit-exceeded": throttled,
  "amqp:not-allowed": { code: "BROKER_ERROR", retryable: false },
  "amqp:not-found": { code: "NOT_FOUND" },
  "amqp:not-implemented": { code: "UNSUPPORTED", retryable: false },
  "amqp:precondition-failed": { code: "BROKER_ERROR", retryable: false },
  "amqp:resource-deleted": { code: "NOT_FOUND" },
  "amqp:resource-limit-exceeded": overQuota,
  "amqp:resource-locked": passing,
  "amqp:session:errant-link": { code: "CONNECTION_LOST" },
  "amqp:session:handle-in-use": { code: "CONNECTION_LOST" },
  "amqp:session:unattached-handle": { code: "CONNECTION_LOST" },
  "amqp:session:window-violation": { code: "CONNECTION_LOST" },
  "amqp:unauthorized-access": wrongCredentials,
  "com.microsoft:argument-error": { code: "BROKER_ERROR", retryable: false },
  "com.microsoft:argument-out-of-range": { code: "BROKER_ERROR", retryable: false },
  "com.microsoft:auth-failed": wrongCredentials,
  "com.microsoft:container-close": { code: "CONNECTION_LOST" },
  "com.microsoft:entity-already-exists": { code: "BROKER_ERROR", retryable: true },
  "com.microsoft:entity-disabled": {
    code: "BROKER_ERROR",
    retryable: false,
    remedy: "The hub is disabled: enable it in the namespace.",
  },
  "com.microsoft:operation-cancelled": passing,
  "com.microsoft:partition-not-owned": ownershipLost,
  "com.microsoft:publisher-revoked": { code: "PERMISSION_DENIED" },
  "com.microsoft:server-busy": throttled,
  "com.microsoft:timeout": { code: "TIMEOUT" },
  [ownConditions.closed]: { code: "CONNECTION_LOST" },
  [ownConditions.timeout]: { code: "TIMEOUT" },
};

/** What the vendor client calls its errors, where it is used natively (MessagingError of @azure/core-amqp). */
const byVendorCode: Readonly<Record<string, Classification>> = {
  ArgumentError: { code: "BROKER_ERROR", retryable: false },
  ArgumentOutOfRangeError: { code: "BROKER_ERROR", retryable: false },
  ConnectionForcedError: { code: "CONNECTION_LOST" },
  DetachForcedError: { code: "CONNECTION_LOST" },
  InternalServerError: passing,
  MessageTooLargeError: tooLarge,
  MessagingEntityDisabledError: { code: "BROKER_ERROR", retryable: false },
  MessagingEntityNotFoundError: { code: "NOT_FOUND" },
  OperationTimeoutError: { code: "TIMEOUT" },
  PartitionNotOwnedError: ownershipLost,
  PublisherRevokedError: { code: "PERMISSION_DENIED" },
  QuotaExceededError: overQuota,
  ReceiverDisconnectedError: ownershipLost,
  SenderBusyError: throttled,
  ServerBusyError: throttled,
  ServiceCommunicationError: { code: "CONNECTION_LOST" },
  ServiceUnavailableError: { code: "TIMEOUT", retryable: true },
  SystemError: { code: "CONNECTION_LOST" },
  UnauthorizedError: wrongCredentials,
};

const nobodyThere = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);
const connectionBroken = new Set([
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "UND_ERR_SOCKET",
  "ERR_STREAM_DESTROYED",
]);

/** What errors of Event Hubs, its management API and the checkpoint stores mean. The innermost that is known counts. */
export function classify(cause: unknown): Classification | undefined {
  let found: Classification | undefined;
  for (const link of errorChain<VendorError>(cause)) found = byLink(link) ?? found;
  return found;
}

/** Whether the same call may succeed later without anybody doing something. */
export function isTransient(error: unknown): boolean {
  return isTransientAs(classify(error));
}

/** Whether a hub, consumer group or partition is not there. */
export function isMissing(error: unknown): boolean {
  return classify(error)?.code === "NOT_FOUND";
}

/** Whether another reader has taken the partition. */
export function isStolen(error: unknown): boolean {
  const condition = conditionOf(error);
  return condition === "amqp:link:stolen" || condition === "com.microsoft:partition-not-owned";
}

function byLink(error: VendorError): Classification | undefined {
  const { condition } = error as { condition?: unknown };
  if (condition === ownConditions.disconnected) return { code: "CONNECTION_LOST" };
  if (typeof condition === "string") {
    return byCondition[condition] ?? (error.name === "AmqpError" ? passing : undefined);
  }
  const { name, statusCode } = error;
  const code = typeof error.code === "string" ? error.code : "";
  if (nobodyThere.has(code)) return { code: "UNREACHABLE" };
  if (connectionBroken.has(code)) return { code: "CONNECTION_LOST" };
  if (/^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)|EPROTO|ERR_SSL/.test(code)) {
    return {
      code: "UNREACHABLE",
      retryable: false,
      remedy: "The TLS handshake failed. Check the namespace; a local emulator needs `emulator: true`.",
    };
  }
  if (typeof statusCode === "number") return byStatus(statusCode, name === "ManagementError");
  if (name === "MessagingError" && code in byVendorCode) return byVendorCode[code];
  if (
    name === "CredentialUnavailableError" ||
    name === "AggregateAuthenticationError" ||
    name === "AuthenticationError"
  )
    return {
      code: "AUTHENTICATION_FAILED",
      remedy: "Sign in (az login), set the AZURE_ variables, or give a key or a connection string.",
    };
  if (name === "RestError") return { code: "UNREACHABLE" };
  // ioredis
  if (name === "MaxRetriesPerRequestError") return { code: "UNREACHABLE" };
  if (name === "ReplyError") return replyError(String(error.message));
  if (error.message === "Command timed out") return { code: "TIMEOUT" };
  if (error.message === "Connection is closed.") return { code: "CONNECTION_LOST" };
  return undefined;
}

/** HTTP: the management API, or the blob service of the checkpoints. */
function byStatus(status: number, isManagement: boolean): Classification {
  if (status === 401 || status === 403) {
    return {
      code: status === 401 && !isManagement ? "AUTHENTICATION_FAILED" : "PERMISSION_DENIED",
      remedy: isManagement
        ? 'Grant Manage (the role Azure Event Hubs Data Owner), or make hubs and consumer groups yourself and connect with `topology: "assume"`.'
        : "Grant Storage Blob Data Contributor on the container of the checkpoints.",
    };
  }
  if (status === 404) return { code: "NOT_FOUND" };
  if (status === 408 || status === 504) return { code: "TIMEOUT" };
  if (status === 429 || status === 503) return throttled;
  if (status >= 500) return passing;
  return { code: "BROKER_ERROR", retryable: status === 409 || status === 412 };
}

function replyError(message: string): Classification {
  if (/^(NOAUTH|WRONGPASS)/.test(message)) {
    return { code: "AUTHENTICATION_FAILED", remedy: "Check user and password in the option checkpoints." };
  }
  if (message.startsWith("NOPERM")) return { code: "PERMISSION_DENIED" };
  const isPassing = /^(LOADING|MASTERDOWN|TRYAGAIN|CLUSTERDOWN|READONLY|BUSY|OOM)/.test(message);
  return { code: "BROKER_ERROR", retryable: isPassing };
}
