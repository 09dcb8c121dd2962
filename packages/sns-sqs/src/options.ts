import type { SNSClient, SNSClientConfig } from "@aws-sdk/client-sns";
import type { SQSClient, SQSClientConfig } from "@aws-sdk/client-sqs";
import {
  checkGivenOnce,
  MessagingError,
  type OptionInput,
  type OptionValues,
  option,
  percentDecoded,
  readOptions,
  urlText,
} from "@waybill/core/spi";

const kib = 1024;
const day = 86_400_000;
const hour = 3_600_000;

/** What the SDK takes as credentials: the keys themselves, or a function that brings them. */
type Credentials = NonNullable<SQSClientConfig["credentials"]>;

/** Every option: what it takes, its default, and the environment variable it may come from. */
export const optionTable = {
  region: option.string(
    "The AWS region. Default: what the SDK finds (AWS_REGION, the profile).",
    undefined,
    {},
  ),
  endpoint: option.string("Where SQS and SNS answer, if not at AWS: the URL of an emulator.", undefined),
  accessKeyId: option.string(
    "The access key. Default: the SDK's own chain (environment, profile, SSO, container, instance).",
    undefined,
  ),
  secretAccessKey: option.string("The secret that goes with the access key.", undefined, { secret: true }),
  sessionToken: option.string("The session token of temporary credentials.", undefined, { secret: true }),
  credentials: option.object<Credentials>(
    "Credentials as the SDK takes them: an object, or a provider such as `fromIni()`.",
    "an object or a function",
    (value) => (isObject(value) || typeof value === "function" ? (value as Credentials) : undefined),
  ),
  accountId: option.string(
    "The AWS account that owns the topics. Saves looking for it where nothing may be created.",
    undefined,
    { env: "AWS_ACCOUNT_ID" },
  ),
  leaseMs: option.integer(
    "How long a message stays with its consumer without a sign of life, in milliseconds: the visibility timeout, in whole seconds.",
    30_000,
    { min: 1_000, max: 12 * hour },
  ),
  waitSeconds: option.integer(
    "How long one long poll waits, in seconds. More costs fewer calls when idle; closing takes up to as long.",
    3,
    { min: 1, max: 20 },
  ),
  polls: option.integer("The most long polls of one consumer at a time.", 10, { min: 1, max: 50 }),
  messageBytes: option.integer(
    "The most bytes a message takes at AWS, attributes included. Over 262144, topics are made with that maximum.",
    256 * kib,
    { min: 16 * kib, max: 1024 * kib },
  ),
  filterPolicies: option.boolean(
    "A new subscription gets a filter policy, so that SNS keeps back what its filter cannot let through.",
    true,
  ),
  retentionMs: option.integer(
    "How long a queue that is made here keeps what nobody takes, in milliseconds.",
    14 * day,
    { min: 60_000, max: 14 * day },
  ),
  sockets: option.integer("The most sockets for sending, and again for receiving.", 50, {
    min: 2,
    max: 1_000,
  }),
  connectTimeoutMs: option.integer("How long one attempt to connect may take, in milliseconds.", 5_000, {
    min: 100,
    max: 600_000,
  }),
  responseTimeoutMs: option.integer(
    "How long AWS may owe an answer, in milliseconds; a long poll has its wait and five seconds.",
    10_000,
    { min: 500, max: 600_000 },
  ),
  client: option.object<SQSClientConfig & SNSClientConfig>(
    "Further options of the SDK's clients, for both services. They win over those of this adapter.",
    "an object",
    (value) => (isObject(value) ? (value as SQSClientConfig & SNSClientConfig) : undefined),
  ),
  sqsClient: option.object<SQSClient>(
    "A client for SQS that is there already; it is used for all calls and not destroyed.",
    "an SQSClient",
    (value) => (isClient(value) ? (value as SQSClient) : undefined),
  ),
  snsClient: option.object<SNSClient>(
    "A client for SNS that is there already; it is not destroyed.",
    "an SNSClient",
    (value) => (isClient(value) ? (value as SNSClient) : undefined),
  ),
};

/** Options of the SNS and SQS adapter; see the README for what each means. */
export type SnsSqsOptions = OptionInput<typeof optionTable>;
/** The options with every default decided. */
export type Settings = OptionValues<typeof optionTable>;

/** @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT` */
export function readSettings(options: SnsSqsOptions): Settings {
  return checked(readOptions("sns-sqs", optionTable, { object: options }));
}

/**
 * Reads `aws://[key:secret@]region[?option=value…]`.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function settingsFromUrl(text: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const url = parse(urlText("sns-sqs", text));
  const object: Record<string, unknown> = {};
  if (url.hostname !== "") object.region = url.hostname;
  if (url.username !== "") object.accessKeyId = percentDecoded("sns-sqs", url.username);
  if (url.password !== "") object.secretAccessKey = percentDecoded("sns-sqs", url.password);
  if (url.port !== "" || !["", "/"].includes(url.pathname)) {
    throw refusal("The URL's host is a region, with no port and no path.", "Give `endpoint` in the query.");
  }
  checkGivenOnce("sns-sqs", object, url.searchParams);
  return checked(readOptions("sns-sqs", optionTable, { object, query: url.searchParams, env }));
}

function checked(settings: Settings): Settings {
  const { accessKeyId, secretAccessKey, sessionToken, credentials, endpoint, accountId } = settings;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    throw refusal("`accessKeyId` and `secretAccessKey` belong together.", "Give both or neither.");
  }
  if (sessionToken !== undefined && accessKeyId === undefined) {
    throw refusal(
      "`sessionToken` belongs to an access key.",
      "Give `accessKeyId` and `secretAccessKey` too.",
    );
  }
  if (credentials !== undefined && accessKeyId !== undefined) {
    throw refusal("Credentials are given twice.", "Give `credentials` or an access key.");
  }
  if (endpoint !== undefined && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw refusal("`endpoint` is not an http or https URL.", "It looks like http://127.0.0.1:4566.");
  }
  if (accountId !== undefined && !/^\d{12}$/.test(accountId)) {
    throw refusal("`accountId` is not an AWS account.", "It has twelve digits.");
  }
  return settings;
}

function parse(text: string): URL {
  const url = URL.parse(text);
  // The text may hold a secret, so it is not repeated here.
  if (url === null) {
    throw refusal(
      "This is not a URL that the sns-sqs adapter can read.",
      "It looks like aws://eu-central-1?option=value; percent-encode a secret in it.",
    );
  }
  return url;
}

function refusal(why: string, remedy: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", why, { remedy, details: { adapter: "sns-sqs" } });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isClient(value: unknown): boolean {
  return isObject(value) && typeof (value as { readonly send?: unknown }).send === "function";
}
