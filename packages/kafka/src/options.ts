import type { ConnectionOptions } from "node:tls";
import {
  checkGivenOnce,
  MessagingError,
  type OptionInput,
  type OptionSources,
  option,
  readOptions,
  urlText,
} from "@waybill/core/spi";
import type { SASLOptions } from "kafkajs";
import { parseBrokers, splitUrl } from "./client/broker-addresses.ts";
import type { ClientSettings, OpenSocket } from "./client/client-settings.ts";
import { socketFactory } from "./client/socket-factory.ts";

const day = 86_400_000;

/** Every option of the adapter. An object takes them all; a URL's query those that are text. */
export const optionTable = {
  brokers: option.list("Bootstrap brokers as host:port; port 9092 if it is left out.", undefined, {
    env: "KAFKA_BROKERS",
  }),
  clientId: option.string("How the broker's logs and quotas name this client.", "waybill"),
  ssl: option.boolean("Whether to connect through TLS.", undefined, { env: "KAFKA_SSL" }),
  tls: option.object<ConnectionOptions>(
    "TLS details as Node's tls.connect takes them: ca, cert, key, servername. Implies ssl.",
    "an object",
    (value) => (typeof value === "object" && value !== null ? (value as ConnectionOptions) : undefined),
  ),
  username: option.string("SASL user name.", undefined, { env: "KAFKA_USERNAME" }),
  password: option.string("SASL password.", undefined, { env: "KAFKA_PASSWORD", secret: true }),
  mechanism: option.oneOf(
    "SASL mechanism for username and password.",
    ["plain", "scram-sha-256", "scram-sha-512"],
    "plain",
    { env: "KAFKA_SASL_MECHANISM" },
  ),
  sasl: option.object<SASLOptions>(
    "SASL as kafkajs takes it, for oauthbearer and aws. Instead of username and password.",
    "an object with a `mechanism`",
    (value) =>
      typeof value === "object" && value !== null && "mechanism" in value
        ? (value as SASLOptions)
        : undefined,
  ),
  openSocket: option.object<OpenSocket>(
    "Opens the TCP connection to a broker, for tunnels and proxies. Default: a plain connection.",
    "a function",
    (value) => (typeof value === "function" ? (value as OpenSocket) : undefined),
  ),
  partitions: option.integer("Partitions of topics and queues that are made.", 6, { min: 1, max: 10_000 }),
  replicationFactor: option.integer(
    "Replicas of topics and queues that are made. Default: the broker's own.",
    undefined,
    { min: 1, max: 32_767 },
  ),
  topicConfig: option.object<Readonly<Record<string, string>>>(
    'Broker settings of topics and queues that are made, such as { "retention.ms": "604800000" }.',
    "an object of strings",
    (value) =>
      typeof value === "object" &&
      value !== null &&
      Object.values(value).every((entry) => typeof entry === "string")
        ? (value as Readonly<Record<string, string>>)
        : undefined,
  ),
  compression: option.oneOf("Compression of published batches.", ["none", "gzip"], "none"),
  maxMessageBytes: option.integer(
    "The broker's message.max.bytes, which bounds a message with all its metadata.",
    1_048_588,
    { min: 4_096, max: 100_000_000 },
  ),
  fetchMaxBytes: option.integer("The most bytes a consumer takes from one broker at once.", 4_194_304, {
    min: 1_024,
    max: 100_000_000,
  }),
  sessionTimeoutMs: option.integer(
    "After how long without a heartbeat the broker gives a member's partitions to others.",
    30_000,
    { min: 6_000, max: 1_800_000 },
  ),
  rebalanceTimeoutMs: option.integer(
    "How long running handlers may go on when their partitions move to another member.",
    30_000,
    { min: 1_000, max: 3_600_000 },
  ),
  heartbeatIntervalMs: option.integer(
    "How often a member reports, and so how soon it learns of a rebalance.",
    500,
    {
      min: 100,
      max: 10_000,
    },
  ),
  connectTimeoutMs: option.integer("How long to wait for a connection.", 5_000, { min: 100, max: 120_000 }),
  requestTimeoutMs: option.integer(
    "How long to wait for an answer before the connection is given up.",
    10_000,
    {
      min: 1_000,
      max: 300_000,
    },
  ),
  inboxIdleMs: option.integer(
    "After how long without a sign of life a client's reply topic may be swept away.",
    day,
    {
      min: 60_000,
      max: 30 * day,
    },
  ),
};

/** What `kafka()` takes. */
export type KafkaOptions = OptionInput<typeof optionTable>;

/** What the options come to. */
export interface Settings extends ClientSettings {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly topicConfig: Readonly<Record<string, string>>;
  readonly maxMessageBytes: number;
  readonly fetchMaxBytes: number;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly inboxIdleMs: number;
}

/**
 * Reads `kafka://[user:password@]host[:port][,host[:port]…][?option=value…]`; `kafkas:` turns TLS on.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function settingsFromUrl(url: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const { brokers, query, username, password, tls } = splitUrl(urlText("kafka", url));
  const object = {
    ...(brokers === undefined ? {} : { brokers }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { ssl: true } : {}),
  };
  checkGivenOnce("kafka", object, query);
  return settingsFrom({ object, query, env });
}

/**
 * Reads what `kafka()` was given.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function readSettings(options: KafkaOptions): Settings {
  return settingsFrom({ object: options });
}

function settingsFrom(sources: OptionSources): Settings {
  const values = readOptions("kafka", optionTable, sources);
  const { ssl, tls, sasl, username, password, mechanism, openSocket, ...rest } = values;
  if (ssl === false && tls !== undefined) throw conflict("ssl=false", "tls");
  if (sasl !== undefined && username !== undefined) throw conflict("sasl", "username");
  if ((username === undefined) !== (password === undefined)) {
    throw new MessagingError("INVALID_ARGUMENT", "kafka needs both a username and a password, or neither.", {
      remedy: "Give the missing one as an option, in the URL, or as KAFKA_USERNAME and KAFKA_PASSWORD.",
    });
  }
  if (rest.heartbeatIntervalMs * 3 > rest.sessionTimeoutMs) {
    throw new MessagingError(
      "INVALID_ARGUMENT",
      `Option heartbeatIntervalMs of kafka (${rest.heartbeatIntervalMs}) is more than a third of sessionTimeoutMs (${rest.sessionTimeoutMs}).`,
      { remedy: "Lower heartbeatIntervalMs or raise sessionTimeoutMs." },
    );
  }
  return {
    ...rest,
    brokers: parseBrokers(rest.brokers ?? ["localhost:9092"]),
    replicationFactor: rest.replicationFactor ?? -1,
    topicConfig: rest.topicConfig ?? {},
    ssl: tls ?? (ssl ? true : undefined),
    sasl:
      sasl ??
      (username === undefined || password === undefined
        ? undefined
        : ({ mechanism, username, password } as SASLOptions)),
    socketFactory: socketFactory(openSocket),
  };
}

function conflict(one: string, other: string): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", `Options ${one} and ${other} of kafka exclude each other.`, {
    remedy: "Keep one of the two.",
  });
}
