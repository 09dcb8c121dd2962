import type { ConnectionOptions as TlsOptions } from "node:tls";
import {
  checkGivenOnce,
  MessagingError,
  type OptionInput,
  type OptionValues,
  option,
  readOptions,
  urlText,
} from "@waybill/core/spi";

const day = 86_400_000;

/** Every option: what it takes, its default, and the environment variable it may come from. */
export const optionTable = {
  hosts: option.list(
    "The nodes of the cluster as host or host:port, tried in turn. Default port: 5672, with TLS 5671.",
    ["127.0.0.1"],
  ),
  vhost: option.string("The virtual host.", "/"),
  username: option.string("The user.", "guest", { env: "RABBITMQ_USERNAME" }),
  password: option.string("The user's password.", "guest", { env: "RABBITMQ_PASSWORD", secret: true }),
  mechanism: option.oneOf(
    "How to log in: `plain` (user and password) or `external` (the TLS client certificate).",
    ["plain", "external"],
    "plain",
  ),
  tls: option.object<boolean | TlsOptions>(
    "TLS: `true`, or Node's options for it. The URL scheme `amqps` sets it.",
    "true, false or an object",
    (value) => (typeof value === "boolean" || isObject(value) ? (value as boolean | TlsOptions) : undefined),
  ),
  caFile: option.string("A PEM file with the authorities to trust.", undefined, { env: "RABBITMQ_CA_FILE" }),
  certFile: option.string("A PEM file with the client certificate.", undefined, {
    env: "RABBITMQ_CERT_FILE",
  }),
  keyFile: option.string("A PEM file with the client certificate's key.", undefined, {
    env: "RABBITMQ_KEY_FILE",
  }),
  servername: option.string(
    "The name that the server's certificate must have. Default: the host.",
    undefined,
  ),
  connectionName: option.string("What the broker's management shows.", "waybill"),
  connectTimeoutMs: option.integer(
    "How long one attempt to reach one node may take, in milliseconds.",
    10_000,
    { min: 100, max: 600_000 },
  ),
  heartbeatSeconds: option.integer(
    "The heartbeat interval, in seconds. A silent connection counts as lost after two to three of them.",
    10,
    { min: 1, max: 3_600 },
  ),
  frameMax: option.integer("The largest frame, in bytes.", 131_072, { min: 131_072, max: 16_777_216 }),
  channelMax: option.integer("The most channels per connection: one for each consumer.", 2_047, {
    min: 16,
    max: 65_535,
  }),
  queueType: option.oneOf(
    "What queues and groups are made of: `quorum` (replicated, counts deliveries) or `classic`.",
    ["quorum", "classic"],
    "quorum",
  ),
  deliveryLimit: option.integer(
    "After how many failed deliveries the broker itself moves a message to the dead-letter queue (quorum queues).",
    20,
    { min: 1, max: 1_000_000 },
  ),
  consumerTimeoutMs: option.integer(
    "How long a delivery may stay unsettled before the broker closes its channel, in milliseconds.",
    day,
    { min: 60_000, max: 30 * day },
  ),
  maxMessageBytes: option.integer(
    "The broker's `max_message_size`, in bytes: what is larger is refused before it is sent.",
    16 * 1024 * 1024,
    { min: 1_024, max: 512 * 1024 * 1024 },
  ),
  retentionMs: option.integer(
    "How long a `retained` topic keeps messages, in milliseconds; the broker rounds up to whole segments.",
    7 * day,
    { min: 1_000, max: 3_650 * day },
  ),
  retentionBytes: option.integer(
    "How much a `retained` topic keeps, in bytes. Default: no limit but time.",
    undefined,
    { min: 1_000_000, max: Number.MAX_SAFE_INTEGER },
  ),
};

/** Options of the RabbitMQ adapter; the README says what each means. */
export type RabbitmqOptions = OptionInput<typeof optionTable>;
/** The options with every default decided. */
export type Settings = OptionValues<typeof optionTable>;

/**
 * Reads what `rabbitmq()` was given.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function readSettings(options: RabbitmqOptions): Settings {
  return checked(readOptions("rabbitmq", optionTable, { object: options }));
}

/** `amqp[s]://user:password@host:port,host2:port/vhost?option=value`; not a URL to `URL`, which knows one host only. */
const form = /^(amqps?):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^/?#]*))?(?:\?([^#]*))?$/;

/**
 * Reads `amqp[s]://[user:password@]host[:port][,host…][/vhost][?option=value…]`.
 * @throws MessagingError `UNKNOWN_OPTION` or `INVALID_ARGUMENT`
 */
export function settingsFromUrl(text: string, env: Readonly<Record<string, string | undefined>>): Settings {
  const [matched, scheme, login, hosts, vhost, search] = form.exec(urlText("rabbitmq", text)) ?? [];
  if (matched === undefined) throw unreadable();
  const object: Record<string, unknown> = {};
  if (hosts) object.hosts = hosts.split(",");
  if (vhost) object.vhost = decoded(vhost);
  if (scheme === "amqps") object.tls = true;
  if (login) {
    const colon = login.indexOf(":");
    const user = colon < 0 ? login : login.slice(0, colon);
    if (user !== "") object.username = decoded(user);
    if (colon >= 0 && colon < login.length - 1) object.password = decoded(login.slice(colon + 1));
  }
  const query = new URLSearchParams(search ?? "");
  checkGivenOnce("rabbitmq", object, query);
  return checked(readOptions("rabbitmq", optionTable, { object, query, env }));
}

/** One node of a cluster. */
export interface Node {
  readonly host: string;
  readonly port: number;
}

/** The `hosts` option, taken apart. */
export function nodesOf({ hosts, tls }: Pick<Settings, "hosts" | "tls">): readonly Node[] {
  return hosts.map((text) => {
    const parts = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
    const port = parts?.[3] === undefined ? (tls ? 5_671 : 5_672) : Number(parts[3]);
    if (parts === null || port < 1 || port > 65_535) {
      throw new MessagingError("INVALID_ARGUMENT", "A host is not of the form host or host:port.", {
        remedy: "For example rabbit-1:5672, or [::1]:5672 for an IPv6 address.",
        details: { option: "hosts" },
      });
    }
    return { host: parts[1] ?? (parts[2] as string), port };
  });
}

function checked(settings: Settings): Settings {
  nodesOf(settings);
  if (settings.tls) return settings;
  const needsTls = (["caFile", "certFile", "keyFile", "servername"] as const).find(
    (name) => settings[name] !== undefined,
  );
  if (needsTls === undefined && settings.mechanism === "plain") return settings;
  throw new MessagingError(
    "INVALID_ARGUMENT",
    `The option "${needsTls ?? "mechanism"}" of rabbitmq is for TLS, which is off.`,
    { remedy: "Use amqps:// or set `tls`." },
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw unreadable();
  }
}

/** The text may hold a password, so it is not repeated here. */
function unreadable(): MessagingError {
  return new MessagingError("INVALID_ARGUMENT", "This is not a URL that the rabbitmq adapter can read.", {
    remedy: "Write it as amqp://user:password@host:5672,host2:5672/vhost?option=value.",
  });
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
