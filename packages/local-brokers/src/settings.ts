import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type BrokerName, brokerNames } from "./names.ts";
import { BrokerProblem } from "./problem.ts";
import type { ProgressListener } from "./progress.ts";
import { recipes } from "./registry.ts";

/** Where and how local brokers run. Everything has a default. */
export interface BrokersOptions {
  /** Folder for records, data and logs. Default: `WAYBILL_BROKERS_HOME`, else `<cache folder>/waybill/brokers`. */
  readonly home?: string | undefined;
  /** Folder for what was downloaded. Default: `WAYBILL_BROKERS_DOWNLOADS`, else `<home>/downloads`. */
  readonly downloads?: string | undefined;
  /** Ports on 127.0.0.1. Default: `WAYBILL_KAFKA_PORT` and so on, else the usual ones. */
  readonly ports?: Partial<Record<BrokerName, number>> | undefined;
  /** How to start what does not run yet. Default: in a container where an engine runs, else natively. */
  readonly using?: "container" | "native" | undefined;
  /** How long a started broker may take until it answers, in milliseconds. Default 90,000. */
  readonly startTimeoutMs?: number | undefined;
  /** Told what is being done. Default: nobody is. */
  readonly progress?: ProgressListener | undefined;
  /** Default: the environment of this process. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
}

/** Options with every default filled in. */
export interface Settings {
  readonly home: string;
  readonly downloads: string;
  readonly using: "container" | "native" | null;
  readonly startTimeoutMs: number;
  readonly progress: ProgressListener;
  readonly environment: NodeJS.ProcessEnv;
  /** The URL the environment names a broker by, if it does. */
  urlFromEnvironment(name: BrokerName): string | null;
  /** The port asked for, or null where nobody asked and the usual one is meant. */
  askedPort(name: BrokerName): number | null;
  port(name: BrokerName): number;
}

/** The variable that names a running broker, such as `WAYBILL_KAFKA_URL`. */
export const urlVariable = (name: BrokerName) => variable(name, "URL");

/** The variable that chooses a broker's port, such as `WAYBILL_KAFKA_PORT`. */
export const portVariable = (name: BrokerName) => variable(name, "PORT");

/** Where `waybill brokers` keeps what it downloads: for programs with a home of their own that share it. */
export function downloadsFolder(environment: NodeJS.ProcessEnv): string {
  return settingsOf({ environment }).downloads;
}

/** Where `waybill brokers` keeps what runs: for programs that start some beside it. */
export function homeFolder(environment: NodeJS.ProcessEnv): string {
  return settingsOf({ environment }).home;
}

/** @throws BrokerProblem if a port is none */
export function settingsOf(options: BrokersOptions): Settings {
  const environment = options.environment ?? process.env;
  const cache = environment.XDG_CACHE_HOME || join(environment.HOME || homedir(), ".cache");
  const home = resolve(
    options.home ?? (environment.WAYBILL_BROKERS_HOME || join(cache, "waybill", "brokers")),
  );
  const asked = new Map(brokerNames.map((name) => [name, askedPort(name, options, environment)]));
  return {
    home,
    downloads: resolve(
      options.downloads ?? (environment.WAYBILL_BROKERS_DOWNLOADS || join(home, "downloads")),
    ),
    using: options.using ?? null,
    startTimeoutMs: options.startTimeoutMs ?? 90_000,
    progress: options.progress ?? (() => {}),
    environment,
    urlFromEnvironment: (name) => environment[urlVariable(name)] || null,
    askedPort: (name) => asked.get(name) ?? null,
    port: (name) => asked.get(name) ?? recipes[name].defaultPort,
  };
}

function askedPort(name: BrokerName, options: BrokersOptions, environment: NodeJS.ProcessEnv): number | null {
  const fromOptions = options.ports?.[name];
  const fromEnvironment = environment[portVariable(name)] || undefined;
  const asked = fromOptions ?? (fromEnvironment === undefined ? null : Number(fromEnvironment));
  if (asked === null || (Number.isInteger(asked) && asked > 0 && asked < 65_536)) return asked;
  const source = fromOptions === undefined ? `${portVariable(name)}=${fromEnvironment}` : String(fromOptions);
  throw new BrokerProblem(`${source} is not a port for ${name}`, {
    broker: name,
    remedy: "a port is a whole number from 1 to 65535",
  });
}

function variable(name: BrokerName, what: "URL" | "PORT"): string {
  return `WAYBILL_${name.toUpperCase().replaceAll("-", "_")}_${what}`;
}
