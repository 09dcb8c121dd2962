import type { ConnectionOptions as TlsOptions } from "node:tls";
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
import type { RedisOptions as VendorOptions } from "ioredis";

const day = 86_400_000;

/** Every option: what it takes, its default, and the environment variable it may come from. */
export const optionTable = {
  host: option.string("The server's host name or address.", "127.0.0.1"),
  port: option.integer("The server's port.", 6379, { min: 1, max: 65_535 }),
  db: option.integer("The database number.", 0, { min: 0, max: 65_535 }),
  username: option.string("The ACL user.", undefined, { env: "REDIS_USERNAME" }),
  password: option.string("The user's password.", undefined, { env: "REDIS_PASSWORD", secret: true }),
  tls: option.object<true | TlsOptions>(
    "TLS: `true`, or Node's options for it. The URL scheme `rediss` sets it.",
    "true or an object",
    (value) => (value === true || isObject(value) ? (value as true | TlsOptions) : undefined),
  ),
  cluster: option.boolean("Redis Cluster: follow the slots over its nodes.", false),
  nodes: option.list("Further cluster nodes to start from, as host:port.", undefined),
  sentinels: option.list("Sentinels that know the primary, as host:port.", undefined),
  sentinelName: option.string("The name by which the sentinels know the primary.", undefined),
  sentinelPassword: option.string("The sentinels' own password.", undefined, {
    env: "REDIS_SENTINEL_PASSWORD",
    secret: true,
  }),
  connectionName: option.string("What CLIENT LIST shows.", "waybill"),
  connectTimeoutMs: option.integer("How long one attempt to connect may take, in milliseconds.", 5_000, {
    min: 100,
    max: 600_000,
  }),
  responseTimeoutMs: option.integer(
    "How long the server may be silent while it owes an answer, in milliseconds; then the connection counts as lost.",
    10_000,
    { min: 500, max: 600_000 },
  ),
  leaseMs: option.integer(
    "How long a member may be silent before its messages go to another, in milliseconds.",
    30_000,
    { min: 500, max: 3_600_000 },
  ),
  retentionMs: option.integer("How long a `retained` topic keeps messages, in milliseconds.", 7 * day, {
    min: 1_000,
    max: 3_650 * day,
  }),
  confirm: option.oneOf(
    "When a publish counts as stored: `received` (Redis answered; its `appendfsync` decides what a crash can cost) or `fsync` (WAITAOF says that it is on the disk; Redis 7.2).",
    ["received", "fsync"],
    "received",
  ),
  replicas: option.integer("How many replicas must have a message before it counts as stored.", 0, {
    min: 0,
    max: 100,
  }),
  acceptVolatile: option.boolean(
    "You know that this server forgets on a crash or evicts, and want no report of it.",
    false,
  ),
  bodyField: option.string("The stream entry's field that holds the body.", "body"),
  client: option.object<VendorOptions>(
    "Further options of ioredis. Those that this adapter sets for itself win.",
    "an object",
    (value) => (isObject(value) ? (value as VendorOptions) : undefined),
  ),
};

/** Options of the Redis adapter; see the README for what each means. */
export type RedisOptions = OptionInput<typeof optionTable>;
/** The options with every default decided. */
export type Settings = OptionValues<typeof optionTable>;

/**
 * Reads what `redis()` was given.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function readSettings(options: RedisOptions): Settings {
  return checked(readOptions("redis", optionTable, { object: options }));
}

/**
 * Reads `redis[s]://[user:password@]host[:port][/db][?option=value…]`.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function settingsFromUrl(text: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const url = parse(urlText("redis", text));
  const object: Record<string, unknown> = {};
  if (url.hostname !== "") object.host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (url.port !== "") object.port = Number(url.port);
  if (url.username !== "") object.username = percentDecoded("redis", url.username);
  if (url.password !== "") object.password = percentDecoded("redis", url.password);
  const path = url.pathname.replace(/^\//, "");
  if (path !== "") object.db = /^\d+$/.test(path) ? Number(path) : path;
  if (url.protocol === "rediss:") object.tls = true;
  checkGivenOnce("redis", object, url.searchParams);
  return checked(readOptions("redis", optionTable, { object, query: url.searchParams, env }));
}

/** `host:port` pairs of a list option. */
export function endpoints(list: readonly string[]): { readonly host: string; readonly port: number }[] {
  return list.map((text) => {
    const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
    const port = Number(parts?.[3]);
    if (parts === null || port < 1 || port > 65_535) {
      // It may be a URL with a password, so it is not repeated here.
      throw new MessagingError("INVALID_ARGUMENT", "A node or sentinel of redis is not host:port.", {
        remedy: 'Write it as "localhost:6379".',
        details: { adapter: "redis" },
      });
    }
    return { host: parts[1] ?? (parts[2] as string), port };
  });
}

function checked(settings: Settings): Settings {
  endpoints(settings.nodes ?? []);
  endpoints(settings.sentinels ?? []);
  const refuse = (why: string, remedy: string) => {
    throw new MessagingError("INVALID_ARGUMENT", why, { remedy, details: { adapter: "redis" } });
  };
  if ((settings.sentinels === undefined) !== (settings.sentinelName === undefined)) {
    refuse("`sentinels` and `sentinelName` belong together.", "Give both or neither.");
  }
  if (settings.cluster && settings.sentinels !== undefined) {
    refuse("A Redis Cluster has no sentinels.", "Give `cluster` or `sentinels`.");
  }
  if (settings.nodes !== undefined && !settings.cluster) refuse("`nodes` are a cluster's.", "Set `cluster`.");
  if (settings.cluster && settings.db !== 0)
    refuse("A Redis Cluster has database 0 only.", "Leave `db` out.");
  if (settings.cluster && (settings.confirm === "fsync" || settings.replicas > 0)) {
    refuse(
      "`confirm: fsync` and `replicas` do not work on a cluster: WAIT belongs to one node.",
      "Leave them out, and set `appendfsync always` or `min-replicas-to-write` on the nodes.",
    );
  }
  return settings;
}

function parse(text: string): URL {
  try {
    return new URL(text);
  } catch {
    // The text may hold a password, so it is not repeated here.
    throw new MessagingError("INVALID_ARGUMENT", "This is not a URL that the redis adapter can read.", {
      remedy: "Write it as redis://user:password@host:6379/0?option=value.",
    });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
