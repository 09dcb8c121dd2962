import type { CheckpointStore } from "@azure/event-hubs";
import {
  checkGivenOnce,
  MessagingError,
  type OptionInput,
  type OptionSources,
  option,
  readOptions,
  urlText,
} from "@waybill/core/spi";
import { type Access, accessOf, splitUrl } from "./client/access.ts";
import type { AzureCredential } from "./client/tokens.ts";

/** Every option of the adapter. An object takes them all; a URL's query those that are text. */
export const optionTable = {
  namespace: option.string("The namespace: its short name, or its full host.", undefined, {
    env: "EVENTHUBS_NAMESPACE",
  }),
  keyName: option.string("Name of a shared access key.", undefined, { env: "EVENTHUBS_KEY_NAME" }),
  key: option.string("The shared access key.", undefined, { env: "EVENTHUBS_KEY", secret: true }),
  connectionString: option.string(
    "A connection string of the namespace, instead of namespace, keyName and key.",
    undefined,
    { env: "EVENTHUBS_CONNECTION_STRING", secret: true },
  ),
  credential: option.object<AzureCredential>(
    "An Azure TokenCredential. Default, where no key is given: DefaultAzureCredential of @azure/identity.",
    "an object with getToken",
    (value) =>
      typeof (value as AzureCredential | null)?.getToken === "function"
        ? (value as AzureCredential)
        : undefined,
  ),
  emulator: option.boolean("Whether it is a local emulator: AMQP and HTTP without TLS, on one port.", false),
  endpoint: option.string(
    "host:port to connect to in place of the namespace's own, for gateways.",
    undefined,
  ),
  transport: option.oneOf(
    "How AMQP travels: over TCP, or in a WebSocket through port 443, where a firewall lets nothing else out.",
    ["tcp", "websocket"],
    "tcp",
  ),
  checkpoints: option.string(
    "Where groups keep their checkpoints: https://<account>.blob.core.windows.net/<container>, redis://…, or memory: for tests.",
    undefined,
    { env: "EVENTHUBS_CHECKPOINTS", secret: true },
  ),
  checkpointStore: option.object<CheckpointStore>(
    "A CheckpointStore of @azure/event-hubs, instead of checkpoints.",
    "an object with the four methods of a CheckpointStore",
    (value) =>
      typeof (value as CheckpointStore | null)?.claimOwnership === "function" &&
      typeof (value as CheckpointStore).listOwnership === "function" &&
      typeof (value as CheckpointStore).updateCheckpoint === "function" &&
      typeof (value as CheckpointStore).listCheckpoints === "function"
        ? (value as CheckpointStore)
        : undefined,
  ),
  partitions: option.integer("Partitions of hubs that are made.", 4, { min: 1, max: 1_024 }),
  retentionDays: option.integer("For how many days hubs that are made keep messages.", 1, {
    min: 1,
    max: 90,
  }),
  maxMessageBytes: option.integer(
    "The tier's limit of a message, and of a batch: 262144 for Basic.",
    1_048_576,
    { min: 16_384, max: 20_971_520 },
  ),
  deadLetters: option.oneOf(
    "Whether all dead-letter queues of the namespace share one hub, or each has its own.",
    ["shared", "own"],
    "shared",
  ),
  deadLetterHub: option.string("The hub of shared dead-letter queues.", "waybill..dead"),
  delayHub: option.string("The hub of delayed messages and retries.", "waybill..delayed"),
  replyHub: option.string("The hub of replies.", "waybill..replies"),
  readGroup: option.string(
    "The consumer group by which broadcasts, replays and replies are read.",
    "$Default",
  ),
  sessionTimeoutMs: option.integer(
    "After how long without a sign of life a member's partitions go to others.",
    30_000,
    { min: 1_000, max: 1_800_000 },
  ),
  rebalanceTimeoutMs: option.integer(
    "How long running handlers may go on when their partition moves to another member.",
    30_000,
    { min: 1_000, max: 3_600_000 },
  ),
  balanceIntervalMs: option.integer(
    "How often a member looks for others, and so how soon partitions are shared anew.",
    5_000,
    { min: 100, max: 600_000 },
  ),
  checkpointIntervalMs: option.integer("The least time between two checkpoints of a partition.", 500, {
    min: 0,
    max: 600_000,
  }),
  idleTimeoutMs: option.integer("After how long a silent connection is taken for dead.", 30_000, {
    min: 2_000,
    max: 480_000,
  }),
  connectTimeoutMs: option.integer("How long to wait for a connection.", 10_000, { min: 100, max: 120_000 }),
  requestTimeoutMs: option.integer("How long to wait for an answer.", 10_000, { min: 1_000, max: 300_000 }),
};

/** What `eventHubs()` takes. */
export type EventHubsOptions = OptionInput<typeof optionTable>;

/** What the options come to. */
export interface Settings extends Access {
  readonly checkpoints: string | undefined;
  readonly checkpointStore: CheckpointStore | undefined;
  readonly partitions: number;
  readonly retentionDays: number;
  readonly maxMessageBytes: number;
  readonly deadLetters: "shared" | "own";
  readonly deadLetterHub: string;
  readonly delayHub: string;
  readonly replyHub: string;
  readonly readGroup: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly balanceIntervalMs: number;
  readonly checkpointIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

/**
 * Reads `eventhubs://[keyName:key@]<namespace>[:port][?option=value…]`.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function settingsFromUrl(url: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const { query, ...given } = splitUrl(urlText("event-hubs", url));
  checkGivenOnce("event-hubs", given, query);
  return settingsFrom({ object: given, query, env });
}

/**
 * Reads what `eventHubs()` was given.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function readSettings(options: EventHubsOptions): Settings {
  return settingsFrom({ object: options });
}

function settingsFrom(sources: OptionSources): Settings {
  const values = readOptions("event-hubs", optionTable, sources);
  const { namespace, keyName, key, connectionString, credential, emulator, endpoint, transport, ...rest } =
    values;
  if (rest.checkpoints !== undefined && rest.checkpointStore !== undefined) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      "Options checkpoints and checkpointStore of event-hubs exclude each other.",
      { remedy: "Keep one of the two." },
    );
  }
  return {
    ...rest,
    ...accessOf({ namespace, keyName, key, connectionString, credential, emulator, endpoint, transport }),
  };
}
