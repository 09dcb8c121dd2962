import type { Classification, ErrorCode } from "@waybill/core/spi";

type Row = readonly [code: ErrorCode, retryable?: boolean, remedy?: string];

/**
 * The first word of an error reply. Redis names its kinds of error so; they are
 * listed with each command at https://redis.io/docs/latest/commands/ and in the server's source.
 */
const replies: Readonly<Record<string, Row>> = {
  WRONGPASS: ["AUTHENTICATION_FAILED", false, "Check the user name and password."],
  NOAUTH: ["AUTHENTICATION_FAILED", false, "Give the password, in the URL or as REDIS_PASSWORD."],
  NOPERM: ["PERMISSION_DENIED", false, "Grant the user the commands and keys that the README names."],
  DENIED: [
    "PERMISSION_DENIED",
    false,
    "Protected mode: give the server a password, or bind it to this address.",
  ],
  LOADING: ["UNREACHABLE"],
  MASTERDOWN: ["UNREACHABLE"],
  CLUSTERDOWN: ["UNREACHABLE"],
  TRYAGAIN: ["UNREACHABLE"],
  MOVED: ["BROKER_ERROR", false, "This server is part of a cluster: set `cluster`."],
  ASK: ["BROKER_ERROR", false, "This server is part of a cluster: set `cluster`."],
  CROSSSLOT: ["BROKER_ERROR", false, "The keys of one destination are in different slots."],
  // After a failover the old primary answers so; a new connection finds the new one.
  READONLY: ["CONNECTION_LOST"],
  UNBLOCKED: ["CONNECTION_LOST"],
  OOM: ["OVERLOADED", true, "Redis is at its `maxmemory`."],
  BUSY: ["OVERLOADED", true, "A script is running on the server for too long."],
  MISCONF: ["BROKER_ERROR", true, "Redis cannot write to its disk; see its log."],
  NOREPLICAS: ["BROKER_ERROR", true, "Fewer replicas are there than `min-replicas-to-write` asks for."],
  NOGROUP: ["NOT_FOUND"],
  WRONGTYPE: [
    "TOPOLOGY_MISMATCH",
    false,
    "The key holds something that is not a stream. Rename the destination.",
  ],
};

const unreachable = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
]);
const lost = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** What ioredis says when a connection went away under a command. It gives these no code. */
const lostMessages = [
  "Connection is closed",
  "Stream isn't writeable",
  "Command aborted due to connection close",
  "Socket timeout",
  "Reached the max retries per request limit",
];

/** Whether this is an error reply of this kind (its first word). */
export function isReplyError(cause: unknown, kind: string): boolean {
  return isError(cause) && cause.name === "ReplyError" && cause.message.startsWith(kind);
}

/** An error reply that came as a value, out of a script that went on after it. */
export function replyError(message: string): Error {
  const error = new Error(message);
  error.name = "ReplyError";
  return error;
}

export function classify(cause: unknown): Classification | undefined {
  if (!isError(cause)) return undefined;
  if (cause.name === "ReplyError") return classifyReply(cause.message);
  const { code } = cause;
  if (typeof code === "string") {
    if (unreachable.has(code)) return { code: "UNREACHABLE" };
    if (lost.has(code)) return { code: "CONNECTION_LOST" };
    if (isCertificateError(code)) {
      return {
        code: "UNREACHABLE",
        retryable: false,
        remedy: "The server's certificate is not trusted: give its authority in `tls`.",
      };
    }
  }
  // What speaks another protocol, or is out of step, says nothing more that could be read.
  if (cause.message.startsWith("Unknown RESP type")) return { code: "CONNECTION_LOST" };
  if (lostMessages.some((start) => cause.message.startsWith(start))) return { code: "CONNECTION_LOST" };
  if (cause.message === "Command timed out") return { code: "TIMEOUT" };
  if (cause.name === "ClusterAllFailedError" || cause.message.startsWith("All sentinels are unreachable")) {
    return { code: "UNREACHABLE" };
  }
  if (cause.message.startsWith("None of startup nodes is available")) return { code: "UNREACHABLE" };
  return undefined;
}

function classifyReply(message: string): Classification {
  // Before Redis 7, what went wrong in a script came wrapped in a message of the script's own.
  const kind = /@user_script: \d+: -?([A-Z]+) /.exec(message)?.[1] ?? message.slice(0, message.indexOf(" "));
  const row = Object.hasOwn(replies, kind) ? replies[kind] : undefined;
  if (row !== undefined) return classification(row);
  if (/ACL failure in script|executing the script can't run this command/i.test(message)) {
    return {
      code: "PERMISSION_DENIED",
      remedy: "Grant the user the commands and keys that the README names.",
    };
  }
  if (/invalid password|without any password/i.test(message)) return { code: "AUTHENTICATION_FAILED" };
  if (/max number of clients/i.test(message)) {
    return { code: "OVERLOADED", retryable: true, remedy: "Raise the server's `maxclients`." };
  }
  if (/no such key/i.test(message)) return { code: "NOT_FOUND" };
  if (/unknown command|unknown subcommand|syntax error/i.test(message)) {
    return { code: "BROKER_ERROR", remedy: "Redis 6.2 or newer is needed, or Valkey." };
  }
  return { code: "BROKER_ERROR" };
}

function classification([code, retryable, remedy]: Row): Classification {
  return {
    code,
    ...(retryable === undefined ? {} : { retryable }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** Node's own names for what may be wrong with a certificate (OpenSSL's X509_V_ERR_*). */
function isCertificateError(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS|ERR_SSL/.test(code);
}

function isError(cause: unknown): cause is Error & { readonly code?: unknown } {
  return cause instanceof Error;
}
