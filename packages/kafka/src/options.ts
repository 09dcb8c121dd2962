import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import {
  checkGivenOnce,
  MessagingError,
  type OptionInput,
  type OptionSources,
  option,
  readOptions,
} from "@waybill/core/spi";
import type { SASLOptions } from "kafkajs";
import { type Host, parseBrokers, splitUrl } from "./brokers.ts";

const day = 86_400_000;

/** Opens a TCP connection to a broker, as `net.connect` does: for tunnels and proxies. */
export type OpenSocket = (to: Host) => Socket;

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

/** What the client underneath needs. */
export interface ClientSettings {
  readonly brokers: readonly Host[];
  readonly clientId: string;
  readonly ssl: ConnectionOptions | true | undefined;
  readonly sasl: SASLOptions | undefined;
  readonly socketFactory: (args: {
    host: string;
    port: number;
    ssl?: ConnectionOptions;
    onConnect: () => void;
  }) => Socket;
  readonly compression: "none" | "gzip";
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
}

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

/** Reads `kafka://[user:password@]host[:port][,host[:port]…][?option=value…]`; `kafkas:` turns TLS on. */
export function settingsFromUrl(url: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const { brokers, query, username, password, tls } = splitUrl(url);
  const object = {
    ...(brokers === undefined ? {} : { brokers }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { ssl: true } : {}),
  };
  checkGivenOnce("kafka", object, query);
  return readSettings({ object, query, env });
}

export function settingsFromObject(options: KafkaOptions): Settings {
  return readSettings({ object: options });
}

function readSettings(sources: OptionSources): Settings {
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
      "Option heartbeatIntervalMs of kafka must be at most a third of sessionTimeoutMs.",
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

const keepAliveMs = 30_000;

/** As kafkajs's own, but without Nagle's delay, and over a connection of the application's making if it likes. */
function socketFactory(
  open: OpenSocket = ({ host, port }) => connectTcp({ host, port }),
): ClientSettings["socketFactory"] {
  return ({ host, port, ssl, onConnect }) => {
    const plain = open({ host, port });
    plain.setNoDelay(true);
    plain.setKeepAlive(true, keepAliveMs);
    if (ssl === undefined || ssl === null) {
      if (plain.connecting) plain.once("connect", onConnect);
      else queueMicrotask(onConnect);
      return plain;
    }
    const details = typeof ssl === "object" ? ssl : {};
    const secure = connectTls(
      { ...(isIP(host) ? {} : { servername: host }), ...details, socket: plain },
      onConnect,
    );
    plain.on("error", (error) => secure.destroy(error));
    return secure;
  };
}
