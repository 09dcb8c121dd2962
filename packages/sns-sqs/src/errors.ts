import type { Classification, ErrorCode } from "@waybill/core/spi";

type Row = readonly [code: ErrorCode, retryable?: boolean, remedy?: string];

const rights = 'Grant the actions that the README names under "Permissions".';
const keys = "Check the access key and its secret, and that they are of the account and partition meant.";
const expired = "Renew them: log in again, or give the SDK a provider that does.";
const kms = "Look at the state and the policy of the KMS key that encrypts the topic or queue.";
const quota = "Ask AWS for a higher quota, or take away what is not used.";
const slower = "AWS is throttling this account or destination.";

/**
 * By the error's name, without `AWS.SimpleQueueService.` and `Exception`. They are
 * listed under "Errors" of each action in the API references of SQS and SNS, and under
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html.
 */
const names: Readonly<Record<string, Row>> = {
  QueueDoesNotExist: ["NOT_FOUND"],
  NonExistentQueue: ["NOT_FOUND"],
  NotFound: ["NOT_FOUND"],
  ResourceNotFound: ["NOT_FOUND"],

  RequestThrottled: ["OVERLOADED", true, slower],
  Throttled: ["OVERLOADED", true, slower],
  Throttling: ["OVERLOADED", true, slower],
  RequestLimitExceeded: ["OVERLOADED", true, slower],
  TooManyRequests: ["OVERLOADED", true, slower],
  OverLimit: ["OVERLOADED", true, "Too many messages are in flight: settle sooner, or prefetch less."],
  KmsThrottled: ["OVERLOADED", true, slower],
  KMSThrottling: ["OVERLOADED", true, slower],

  AccessDenied: ["PERMISSION_DENIED", false, rights],
  AuthorizationError: ["PERMISSION_DENIED", false, rights],
  NotAuthorized: ["PERMISSION_DENIED", false, rights],
  OptInRequired: ["PERMISSION_DENIED", false, "Enable the region for this account."],
  KmsAccessDenied: ["PERMISSION_DENIED", false, kms],
  KMSAccessDenied: ["PERMISSION_DENIED", false, kms],

  InvalidClientTokenId: ["AUTHENTICATION_FAILED", false, keys],
  UnrecognizedClient: ["AUTHENTICATION_FAILED", false, keys],
  InvalidAccessKeyId: ["AUTHENTICATION_FAILED", false, keys],
  SignatureDoesNotMatch: ["AUTHENTICATION_FAILED", false, keys],
  IncompleteSignature: ["AUTHENTICATION_FAILED", false, keys],
  MissingAuthenticationToken: ["AUTHENTICATION_FAILED", false, keys],
  InvalidSecurity: ["AUTHENTICATION_FAILED", false, keys],
  CredentialsProviderError: ["AUTHENTICATION_FAILED", false, "Give credentials, or set up the SDK's chain."],
  TokenProviderError: ["AUTHENTICATION_FAILED", false, expired],
  // A provider may have new ones by the next call.
  ExpiredToken: ["AUTHENTICATION_FAILED", true, expired],
  RequestExpired: ["AUTHENTICATION_FAILED", true, "Set this computer's clock."],
  RequestTimeTooSkewed: ["AUTHENTICATION_FAILED", true, "Set this computer's clock."],

  BatchRequestTooLong: ["MESSAGE_TOO_LARGE"],
  // Characters that SQS does not take: no later try helps.
  InvalidMessageContents: ["INVALID_ARGUMENT", false],

  QueueNameExists: ["TOPOLOGY_MISMATCH", false, "The queue exists with other attributes."],
  QueueDeletedRecently: ["BROKER_ERROR", true, "SQS refuses the name for 60 seconds after a removal."],
  ConcurrentAccess: ["BROKER_ERROR", true],
  ReceiptHandleIsInvalid: ["LEASE_LOST"],
  MessageNotInflight: ["LEASE_LOST"],

  TopicLimitExceeded: ["BROKER_ERROR", false, quota],
  SubscriptionLimitExceeded: ["BROKER_ERROR", false, quota],
  FilterPolicyLimitExceeded: ["BROKER_ERROR", false, quota],
  KmsDisabled: ["BROKER_ERROR", false, kms],
  KMSDisabled: ["BROKER_ERROR", false, kms],
  KmsInvalidState: ["BROKER_ERROR", false, kms],
  KMSInvalidState: ["BROKER_ERROR", false, kms],
  KmsInvalidKeyUsage: ["BROKER_ERROR", false, kms],
  KmsNotFound: ["BROKER_ERROR", false, kms],
  KMSNotFound: ["BROKER_ERROR", false, kms],
  KmsOptInRequired: ["BROKER_ERROR", false, kms],
  KMSOptInRequired: ["BROKER_ERROR", false, kms],

  ServiceUnavailable: ["UNREACHABLE"],
  InternalError: ["BROKER_ERROR", true],
  InternalFailure: ["BROKER_ERROR", true],
  TimeoutError: ["TIMEOUT"],
  // Core gave the call up: there was no answer while it waited.
  AbortError: ["TIMEOUT"],
};

const unreachable = new Set(["ECONNREFUSED", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);
const lost = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** One entry of a batch that AWS answered with 200, and refused all the same. */
export class EntryError extends Error {
  /** The request's fault: sending it again is no use. */
  readonly senderFault: boolean;

  constructor(code: string, message: string | undefined, senderFault: boolean) {
    super(message ?? code);
    this.name = code;
    this.senderFault = senderFault;
  }
}

/** What an error of the SDK means; `undefined` when it is not one. Pure. */
export function classify(cause: unknown): Classification | undefined {
  if (!(cause instanceof Error)) return undefined;
  const row = rowOf(cause as Vendor);
  if (row === undefined) return undefined;
  const [code, retryable, remedy] = row;
  return {
    code,
    ...(retryable === undefined ? {} : { retryable }),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** Whether this is AWS saying one of these things. */
export function isAwsError(cause: unknown, ...kinds: readonly string[]): boolean {
  return cause instanceof Error && kinds.includes(plainName(cause.name));
}

/** Whether AWS says by this that the lease is over, or the message settled. */
export function saysLost(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  if (isAwsError(cause, "ReceiptHandleIsInvalid", "MessageNotInflight")) return true;
  return isAwsError(cause, "InvalidParameterValue") && /receipt ?handle/i.test(cause.message);
}

/** As far as an error of the SDK, of Node or of a batch entry is looked into. */
interface Vendor extends Error {
  readonly code?: unknown;
  readonly $fault?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

function rowOf(cause: Vendor): Row | undefined {
  const name = plainName(cause.name);
  const row = Object.hasOwn(names, name) ? names[name] : undefined;
  if (row !== undefined) return row;
  if (typeof cause.code === "string") {
    const { code } = cause;
    if (code === "ENOTFOUND") return ["UNREACHABLE", true, "Check the region and the endpoint."];
    if (unreachable.has(code)) return ["UNREACHABLE"];
    if (lost.has(code)) return ["CONNECTION_LOST"];
    if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS|ERR_SSL/.test(code)) {
      return ["UNREACHABLE", false, "The certificate of the endpoint is not trusted."];
    }
  }
  if (/socket hang up/i.test(cause.message)) return ["CONNECTION_LOST"];
  if (/^Region is missing/i.test(cause.message)) {
    return ["INVALID_ARGUMENT", false, "Name the region: aws://eu-central-1, `region`, or AWS_REGION."];
  }
  if (cause instanceof EntryError || cause.$fault !== undefined) return unlisted(cause);
  return undefined;
}

/** An error of the service that the table does not have. */
function unlisted(cause: Vendor): Row {
  if (/shorter than|too long/i.test(cause.message) && /^InvalidParameter/.test(cause.name)) {
    return ["MESSAGE_TOO_LARGE", false, "Set `messageBytes` to what the topic or queue takes."];
  }
  const status = cause.$metadata?.httpStatusCode ?? 0;
  if (status === 403) return ["PERMISSION_DENIED", false, rights];
  const atFault = cause instanceof EntryError ? cause.senderFault : cause.$fault === "client" && status < 500;
  return ["BROKER_ERROR", !atFault];
}

function plainName(name: string): string {
  return name.replace(/^AWS\.SimpleQueueService\.|^com\.amazonaws\.\w+#/, "").replace(/(?<!^)Exception$/, "");
}
