import type { ClientOptions } from "../api/options.ts";
import { observerMethods, Reporter } from "../api/reporting.ts";
import { requireFeature } from "../connection/require-feature.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import { invalidArgument } from "../errors/invalid-argument.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { isPlainObject } from "../runtime/plain-object.ts";
import type { Adapter } from "../spi/adapter.ts";
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
  readonly reporter: Reporter;
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
  logger: true,
  observer: true,
  adapters: true,
  env: true,
  clock: true,
} satisfies Record<keyof ClientOptions, true>);

/** Checks that no option is unknown, before anything is loaded. @throws MessagingError `UNKNOWN_OPTION` */
export function checkKnownOptions(options: ClientOptions): void {
  checkOptionNames("connect", options, known);
  const { maxPending, reconnect, middleware, observer, logger, onError, clock, adapters, env } = options;
  if (maxPending !== undefined) checkOptionNames("maxPending", maxPending, ["messages", "bytes"]);
  if (reconnect !== undefined) checkOptionNames("reconnect", reconnect, ["initialMs", "maxMs"]);
  if (middleware !== undefined) {
    checkOptionNames("middleware", middleware, ["publish", "handle"]);
    checkList("middleware.publish", middleware.publish, isFunction, "an array of functions");
    checkList("middleware.handle", middleware.handle, isFunction, "an array of functions");
  }
  if (observer !== undefined) {
    checkOptionNames("observer", ownFunctions(observer), observerMethods);
    checkMethods("observer", observer, observerMethods, false);
  }
  if (logger !== undefined && logger !== false)
    checkMethods("logger", logger, ["debug", "info", "warn", "error"], true);
  if (onError !== undefined && !isFunction(onError)) throw invalidArgument("onError", "a function", onError);
  if (clock !== undefined) checkMethods("clock", clock, ["now", "setTimeout", "clearTimeout"], true);
  checkList("adapters", adapters, isAdapter, "an array of what adapter packages export as `adapter`");
  if (env !== undefined && (typeof env !== "object" || env === null))
    throw invalidArgument("env", "an object", env);
  checkList(
    "requires",
    options.requires,
    (each) => typeof each === "string",
    "an array of names of features",
  );
}

/** @throws MessagingError `INVALID_ARGUMENT`, `UNSUPPORTED` */
export function decideOptions(options: ClientOptions, driver: Driver): DecidedOptions {
  const { requires = [], topology = "create", prefix = "", names = {} } = options;
  for (const feature of requires) {
    if (!allFeatures.includes(feature)) {
      throw invalidArgument("requires", `names of features (${allFeatures.join(", ")})`, feature);
    }
    requireFeature(
      driver,
      feature,
      `"${feature}"`,
      "Do without it, or use a broker that has it: see the matrix of adapters.",
    );
  }
  if (!["create", "verify", "assume"].includes(topology))
    throw invalidArgument("topology", '"create", "verify" or "assume"', topology);
  if (typeof prefix !== "string" || !/^(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]*$/.test(prefix))
    throw invalidArgument("prefix", 'letters, digits, "_", "-" and single dots', prefix);
  if (!isPlainObject(names) || !Object.values(names).every(isName))
    throw invalidArgument("names", "an object of non-empty strings", names);
  const reporter = new Reporter(options.logger, options.onError);
  tellOfUncalled(options.observer, reporter);
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
    reporter,
    observer: reporter.observer(options.observer),
    clock: options.clock ?? systemClock,
  };
}

function isName(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function duration(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 0 && !Number.isNaN(value)) return value;
  throw invalidArgument(name, "a number of at least 0", value);
}

function count(name: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= 1) return value;
  throw invalidArgument(name, "a number of at least 1", value);
}

const isFunction = (value: unknown): boolean => typeof value === "function";

function isAdapter(value: unknown): boolean {
  const { schemes, fromUrl } = (value ?? {}) as Partial<Adapter>;
  return Array.isArray(schemes) && isFunction(fromUrl);
}

function checkList(name: string, list: unknown, isOne: (each: unknown) => boolean, takes: string): void {
  if (list === undefined || (Array.isArray(list) && list.every(isOne))) return;
  throw invalidArgument(name, takes, list);
}

function checkMethods(owner: string, object: unknown, names: readonly string[], areNeeded: boolean): void {
  if (typeof object !== "object" || object === null) throw invalidArgument(owner, "an object", object);
  for (const name of names) {
    const method = (object as Readonly<Record<string, unknown>>)[name];
    if (isFunction(method) || (!areNeeded && method === undefined)) continue;
    throw invalidArgument(`${owner}.${name}`, "a function", method);
  }
}

/** An instance of a class may have helpers of its own, so it is not refused; a misspelt method would go unnoticed. */
function tellOfUncalled(observer: ClientOptions["observer"], reporter: Reporter): void {
  const known: readonly string[] = observerMethods;
  const uncalled = inheritedMethods(observer).filter((name) => !known.includes(name));
  if (uncalled.length === 0) return;
  reporter.warn(
    new MessagingError(
      "UNKNOWN_OPTION",
      `The observer has methods that nothing calls: ${uncalled.join(", ")}.`,
      {
        remedy: `Correct the name (${known.join(", ")}), or make a helper private.`,
        details: { methods: uncalled },
      },
    ),
  );
}

/** The public methods that an object has from its classes. */
function inheritedMethods(object: object | undefined): string[] {
  const names = new Set<string>();
  let prototype = object === undefined ? null : Object.getPrototypeOf(object);
  // The one at the end is every object's, also of one from another realm.
  for (; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
    if (Object.getPrototypeOf(prototype) === null) break;
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype)))
      if (name !== "constructor" && isFunction(value)) names.add(name);
  }
  return [...names];
}

/** The functions that an observer has itself: what nothing calls of them is refused. */
function ownFunctions(observer: unknown): unknown {
  if (typeof observer !== "object" || observer === null) return observer;
  return Object.fromEntries(Object.entries(observer).filter(([, value]) => isFunction(value)));
}
