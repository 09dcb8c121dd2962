import type { ClientOptions } from "../api/options.ts";
import { requireFeature } from "../connection/require-feature.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { allFeatures } from "../spi/capabilities.ts";
import type { Driver } from "../spi/driver.ts";

/** Client options with every default decided. */
export interface DecidedOptions {
  readonly topology: "create" | "verify" | "assume";
  readonly prefix: string;
  readonly names: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
  readonly publishTimeoutMs: number;
  readonly maxPendingMessages: number;
  readonly maxPendingBytes: number;
  readonly drainTimeoutMs: number;
  readonly reconnectInitialMs: number;
  readonly reconnectMaxMs: number;
  readonly middleware: NonNullable<ClientOptions["middleware"]>;
  readonly onError: (error: MessagingError) => void;
  readonly observer: ClientOptions["observer"];
  readonly clock: Clock;
}

/** Every option, so that a new one is a compile error here until it is listed. */
const known = Object.keys({
  requires: true,
  topology: true,
  prefix: true,
  names: true,
  connectTimeoutMs: true,
  publishTimeoutMs: true,
  maxPending: true,
  drainTimeoutMs: true,
  reconnect: true,
  middleware: true,
  onError: true,
  observer: true,
  adapters: true,
  env: true,
  clock: true,
} satisfies Record<keyof ClientOptions, true>);

/** Checks that no option is unknown, before anything is loaded. @throws MessagingError `UNKNOWN_OPTION` */
export function checkKnownOptions(options: ClientOptions): void {
  checkOptionNames("connect", options, known);
  if (options.maxPending !== undefined)
    checkOptionNames("maxPending", options.maxPending, ["messages", "bytes"]);
  if (options.reconnect !== undefined)
    checkOptionNames("reconnect", options.reconnect, ["initialMs", "maxMs"]);
  if (options.middleware !== undefined)
    checkOptionNames("middleware", options.middleware, ["publish", "handle"]);
}

/** @throws MessagingError `INVALID_ARGUMENT`, `UNSUPPORTED` */
export function decideOptions(options: ClientOptions, driver: Driver): DecidedOptions {
  const { requires = [], topology = "create", prefix = "", names = {} } = options;
  for (const feature of requires) {
    if (!allFeatures.includes(feature)) {
      throw notLegal("requires", feature, `names of features (${allFeatures.join(", ")})`);
    }
    requireFeature(
      driver,
      feature,
      `"${feature}"`,
      "Do without it, or use a broker that has it: see the matrix of adapters.",
    );
  }
  if (!["create", "verify", "assume"].includes(topology))
    throw notLegal("topology", topology, '"create", "verify" or "assume"');
  if (typeof prefix !== "string" || !/^(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*$/.test(prefix))
    throw notLegal("prefix", prefix, 'letters, digits, "_", "-" and single dots');
  if (typeof names !== "object" || names === null || !Object.values(names).every(isName))
    throw notLegal("names", names, "an object of non-empty strings");
  // Not 0: it doubles with every failure, and must get somewhere.
  const reconnectInitialMs = count("reconnect.initialMs", options.reconnect?.initialMs, 100);
  return {
    topology,
    prefix,
    names,
    connectTimeoutMs: duration("connectTimeoutMs", options.connectTimeoutMs, 10_000),
    publishTimeoutMs: duration("publishTimeoutMs", options.publishTimeoutMs, 30_000),
    maxPendingMessages: count("maxPending.messages", options.maxPending?.messages, 100_000),
    maxPendingBytes: count("maxPending.bytes", options.maxPending?.bytes, 256 * 1024 * 1024),
    drainTimeoutMs: duration("drainTimeoutMs", options.drainTimeoutMs, 30_000),
    reconnectInitialMs,
    reconnectMaxMs: Math.max(
      reconnectInitialMs,
      duration("reconnect.maxMs", options.reconnect?.maxMs, 5_000),
    ),
    middleware: options.middleware ?? {},
    onError: safely(options.onError ?? ((error) => console.error(error))),
    observer: options.observer,
    clock: options.clock ?? systemClock,
  };
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

/** What an application does with an error must not keep a client from recovering. */
function safely(onError: (error: MessagingError) => void): (error: MessagingError) => void {
  return (error) => {
    try {
      onError(error);
    } catch (thrown) {
      console.error(thrown);
    }
  };
}

function duration(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 0 && !Number.isNaN(value)) return value;
  throw notLegal(name, value, "a number of at least 0");
}

function count(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 1) return value;
  throw notLegal(name, value, "a number of at least 1");
}

function notLegal(name: string, value: unknown, takes: string): MessagingError {
  return new MessagingError(
    "INVALID_ARGUMENT",
    `\`${name}\` takes ${takes}, not ${JSON.stringify(value) ?? String(value)}.`,
  );
}
