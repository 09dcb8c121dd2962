import type { Classification } from "@waybill/core/spi";

/** gRPC status codes, by the names that https://grpc.io/docs/guides/status-codes/ gives them. */
export const status = {
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** What https://cloud.google.com/pubsub/docs/reference/error-codes says of each. */
const statuses: Readonly<Record<number, Classification>> = {
  [status.CANCELLED]: { code: "CONNECTION_LOST" },
  [status.UNKNOWN]: { code: "BROKER_ERROR", retryable: true },
  [status.INVALID_ARGUMENT]: {
    code: "INVALID_ARGUMENT",
    remedy: "The message of the service says which field it does not take.",
  },
  [status.DEADLINE_EXCEEDED]: { code: "TIMEOUT" },
  [status.NOT_FOUND]: { code: "NOT_FOUND", remedy: 'Create it, or connect with `topology: "create"`.' },
  [status.ALREADY_EXISTS]: { code: "TOPOLOGY_MISMATCH" },
  [status.PERMISSION_DENIED]: {
    code: "PERMISSION_DENIED",
    remedy: "Grant the roles that the README names, in the project that the URL names.",
  },
  [status.RESOURCE_EXHAUSTED]: {
    code: "OVERLOADED",
    remedy: "A quota is used up: slow down, or ask for more at console.cloud.google.com/iam-admin/quotas.",
  },
  [status.FAILED_PRECONDITION]: {
    code: "BROKER_ERROR",
    remedy: "The project or the resource is not in a state for this; the message of the service says why.",
  },
  [status.ABORTED]: { code: "BROKER_ERROR", retryable: true },
  [status.OUT_OF_RANGE]: { code: "INVALID_ARGUMENT" },
  [status.UNIMPLEMENTED]: { code: "BROKER_ERROR", remedy: "This emulator does not have what was asked for." },
  [status.INTERNAL]: { code: "BROKER_ERROR", retryable: true },
  [status.UNAVAILABLE]: { code: "UNREACHABLE" },
  [status.DATA_LOSS]: { code: "BROKER_ERROR" },
  [status.UNAUTHENTICATED]: {
    code: "AUTHENTICATION_FAILED",
    remedy: "Check the credentials: a key may be expired, deleted or of another project.",
  },
};

/** What the auth library says when there is nothing to authenticate with. It gives these no code. */
const withoutCredentials: readonly RegExp[] = [
  /could not load the default credentials/i,
  /unable to detect a project id/i,
  /does not exist, or it is not a file|no such file/i,
  /does not contain a (client_email|private_key)|missing required field/i,
  /private key|asn1|DECODER routines/i,
  /invalid_grant|invalid_client|account not found/i,
  /universe domain/i,
];

const unreachable = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "ECONNRESET",
]);

/** Under the status of any other wrong argument, or by gRPC itself under that of a quota. */
const tooLarge = /(?:request|message)(?: size)? is too large|larger than max|exceeds the maximum.*size/i;

/** The gRPC status of an error; `undefined` for any other. */
export function statusOf(cause: unknown): number | undefined {
  if (!(cause instanceof Error)) return undefined;
  const { code } = cause as { readonly code?: unknown };
  return typeof code === "number" ? code : undefined;
}

export function classify(cause: unknown): Classification | undefined {
  if (!(cause instanceof Error)) return undefined;
  const said = cause.message;
  const code = statusOf(cause);
  if (code !== undefined) {
    // Under these statuses the library also reports that it could not get a token.
    if (/getting metadata from plugin|could not refresh access token/i.test(said)) return noCredentials(said);
    if (code === status.NOT_FOUND && /project not found/i.test(said)) {
      return { code: "NOT_FOUND", remedy: "Check the project's id, in the URL or as GOOGLE_CLOUD_PROJECT." };
    }
    if (tooLarge.test(said)) return { code: "MESSAGE_TOO_LARGE" };
    return statuses[code];
  }
  const { code: system } = cause as { readonly code?: unknown };
  if (typeof system === "string" && unreachable.has(system)) return { code: "UNREACHABLE" };
  if (system === "ENOENT" || withoutCredentials.some((sign) => sign.test(said))) return noCredentials(said);
  if (/client has already been closed|channel has been shut down/i.test(said))
    return { code: "CONNECTION_LOST" };
  return undefined;
}

function noCredentials(said: string) {
  const passing =
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|socket hang up|status code (429|5\d\d)/.test(said);
  if (passing) return { code: "UNREACHABLE" } as const;
  return {
    code: "AUTHENTICATION_FAILED",
    remedy: "Give `keyFilename` or `credentials`, or log in with `gcloud auth application-default login`.",
  } as const;
}
