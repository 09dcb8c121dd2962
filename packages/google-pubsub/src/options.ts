import type { ClientConfig, PubSub } from "@google-cloud/pubsub";
import {
  checkGivenOnce,
  MessagingError,
  type OptionInput,
  type OptionValues,
  option,
  readOptions,
  urlText,
} from "@waybill/core/spi";

/** As a key file has them. Spelled out, so that the typings name no package but the client. */
export interface Credentials {
  readonly client_email?: string;
  readonly private_key?: string;
}

const day = 86_400_000;

/** Every option: what it takes, its default, and the environment variable it may come from. */
export const optionTable = {
  projectId: option.string("The Google Cloud project. Default: that of the credentials.", undefined, {
    env: "GOOGLE_CLOUD_PROJECT",
  }),
  emulatorHost: option.string("An emulator to use instead of the service, as host:port.", undefined, {
    env: "PUBSUB_EMULATOR_HOST",
  }),
  apiEndpoint: option.string(
    "Another endpoint of the service, such as europe-west1-pubsub.googleapis.com: order across publishers needs a region.",
    undefined,
  ),
  keyFilename: option.string("A service account's key file.", undefined, {
    env: "GOOGLE_APPLICATION_CREDENTIALS",
  }),
  credentials: {
    ...option.object<Credentials>(
      "A service account's credentials. Default: Application Default Credentials.",
      "an object",
      (value) => (isObject(value) ? (value as Credentials) : undefined),
    ),
    secret: true,
  },
  client: option.object<PubSub>(
    "A PubSub object of yours, whose project, credentials and endpoint are used. It stays open.",
    "a PubSub object",
    (value) => (isObject(value) && "getClientConfig" in value ? (value as PubSub) : undefined),
  ),
  clientConfig: option.object<ClientConfig>(
    "Further options of PubSub. Those that this adapter sets for itself win.",
    "an object",
    (value) => (isObject(value) ? (value as ClientConfig) : undefined),
  ),
  leaseMs: option.integer(
    "How long the service waits for a sign of life before it gives a message to another (the ack deadline), in milliseconds. Below 10 seconds it costs a call for each pull.",
    20_000,
    { min: 1_000, max: 600_000 },
  ),
  retentionMs: option.integer("How long a `retained` topic keeps messages, in milliseconds.", 7 * day, {
    min: 600_000,
    max: 31 * day,
  }),
  exactlyOnce: option.boolean(
    "New subscriptions deliver a message again only after its lease has run out, and the service confirms each ack.",
    false,
  ),
  deliveryLimit: option.integer(
    "After so many deliveries without an ack the service itself dead-letters a message: for handlers that kill their process. Needs a grant; see the README.",
    undefined,
    { min: 5, max: 100 },
  ),
  pulls: option.integer("How many pulls a consumer has under way at once; ordered ones have one.", 4, {
    min: 1,
    max: 64,
  }),
  replyTopic: option.string(
    "The topic that replies to requests travel on, shared by all clients.",
    "waybill..replies",
  ),
  responseTimeoutMs: option.integer(
    "How long the service may be silent while it owes an answer, in milliseconds; then the connection counts as lost.",
    15_000,
    { min: 500, max: 600_000 },
  ),
};

/** Options of the Google Pub/Sub adapter; see the README for what each means. */
export type GooglePubsubOptions = OptionInput<typeof optionTable>;
/** The options with every default decided. */
export type Settings = OptionValues<typeof optionTable>;

/**
 * Reads what `googlePubsub()` was given.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function readSettings(options: GooglePubsubOptions): Settings {
  return checked(readOptions("google-pubsub", optionTable, { object: options }));
}

/**
 * Reads `pubsub://project[?option=value…]`.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function settingsFromUrl(text: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const parts = /^pubsub:(?:\/\/([^/?#]*))?\/?(?:\?([^#]*))?$/i.exec(urlText("google-pubsub", text));
  if (parts === null) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      "This is not a URL that the google-pubsub adapter can read.",
      {
        remedy: "Write it as pubsub://my-project?option=value.",
      },
    );
  }
  const query = new URLSearchParams(parts[2] ?? "");
  const projectId = decoded(parts[1] ?? "");
  const object = projectId === "" ? {} : { projectId };
  checkGivenOnce("google-pubsub", object, query);
  return checked(readOptions("google-pubsub", optionTable, { object, query, env }));
}

function checked(settings: Settings): Settings {
  const refuse = (why: string, remedy: string) => {
    throw new MessagingError("INVALID_ARGUMENT", why, { remedy, details: { adapter: "google-pubsub" } });
  };
  if (settings.emulatorHost !== undefined && !/^[^\s/@]+:\d{1,5}$/.test(settings.emulatorHost)) {
    refuse("`emulatorHost` is not host:port.", "Give `emulatorHost` as 127.0.0.1:8085.");
  }
  if (settings.projectId !== undefined && !/^[a-z0-9.:-]+$/i.test(settings.projectId)) {
    refuse("This is not the id of a Google Cloud project.", "Write it as my-project-123.");
  }
  if (!/^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/.test(settings.replyTopic)) {
    refuse(
      "`replyTopic` is not a legal topic id.",
      "Write it as waybill..replies: 3 to 255 letters, digits and - _ . ~ + %.",
    );
  }
  return settings;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
