import { AmqpServer } from "./amqp/amqp-server.ts";
import type { AccessKey } from "./auth/claims.ts";
import { Faults } from "./faults/faults.ts";
import { HttpServer } from "./http/http-server.ts";
import { Listener } from "./listener.ts";
import { ChunkCache } from "./log/chunk-cache.ts";
import { DataFolder } from "./log/data-folder.ts";
import type { Hub } from "./namespace/hub.ts";
import { Namespace, type NamespaceLimits } from "./namespace/namespace.ts";
import { type EmulatorOptions, type HubOptions, type ResolvedOptions, resolveOptions } from "./options.ts";

/** A running emulator. */
export interface Emulator extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`, for the management API. */
  readonly url: string;
  readonly keys: readonly AccessKey[];
  /** Faults on demand. */
  readonly faults: Faults;
  /** A connection string for Azure clients; with a hub it has an `EntityPath`. */
  connectionString(hub?: string): string;
  /** Makes a hub; it must not exist. */
  createHub(hub: HubOptions): void;
  deleteHub(name: string): void;
  /** Ends all connections and lets go of the port. What was confirmed is kept if there is a data folder. */
  close(): Promise<void>;
}

/** How long clients get to answer a goodbye. */
const GRACE_MS = 200;
const MAX_PARTITIONS = 1024;
const DEFAULT_PARTITIONS = 4;
const DAY_MS = 86_400_000;

/** Starts an Event Hubs namespace on this computer. Rejects when the port or the data folder is taken. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const settings = resolveOptions(options);
  const folder = settings.data === undefined ? undefined : new DataFolder(settings.data, settings.fsync);
  try {
    return await start(settings, folder);
  } catch (error) {
    folder?.close();
    throw error;
  }
}

async function start(settings: ResolvedOptions, folder: DataFolder | undefined): Promise<Emulator> {
  const { host, keys, bearerTokens } = settings;
  const credentials = { keys, bearerTokens };
  const namespace = new Namespace(limitsOf(settings), new ChunkCache(settings.memory), folder);
  ensureHubs(namespace, settings.hubs);
  namespace.retain(Date.now());

  const faults = new Faults();
  const service = { namespace, credentials, faults, maxMessageSize: settings.maxMessageSize };
  const amqp = new AmqpServer(service, settings.idleTimeoutMs);
  namespace.onRemoved = (hub, group) => amqp.removed(hub, group);
  const http = new HttpServer(namespace, credentials, faults);
  const listener = new Listener(amqp, http);
  const port = await listener.listen(host, settings.port);
  const retention = setInterval(() => namespace.retain(Date.now()), settings.retentionIntervalMs);
  retention.unref();

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    clearInterval(retention);
    amqp.close();
    http.close();
    await listener.close(GRACE_MS);
    namespace.close();
    folder?.close();
  };
  const closeOnce = (): Promise<void> => {
    closing ??= close();
    return closing;
  };
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    host,
    port,
    url: `http://${authority}`,
    keys,
    faults,
    connectionString: (hub) => connectionString(authority, keys[0], hub),
    createHub(hub) {
      addGroups(namespace, namespace.createHub(hub.name, hub), hub);
    },
    deleteHub: (name) => namespace.deleteHub(name),
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
}

function limitsOf({ retentionBytes }: ResolvedOptions): NamespaceLimits {
  return {
    partitionCount: DEFAULT_PARTITIONS,
    maxPartitionCount: MAX_PARTITIONS,
    retentionMs: DAY_MS,
    retentionBytes,
  };
}

function connectionString(authority: string, key: AccessKey | undefined, hub: string | undefined): string {
  const parts = [
    `Endpoint=sb://${authority}`,
    `SharedAccessKeyName=${key?.name}`,
    `SharedAccessKey=${key?.key}`,
    "UseDevelopmentEmulator=true",
  ];
  if (hub !== undefined) parts.push(`EntityPath=${hub}`);
  return parts.join(";");
}

/** What is there from an earlier run stays as it is; what is missing is made. */
function ensureHubs(namespace: Namespace, hubs: readonly HubOptions[]): void {
  for (const hub of hubs)
    addGroups(namespace, namespace.hub(hub.name) ?? namespace.createHub(hub.name, hub), hub);
}

function addGroups(namespace: Namespace, hub: Hub, { consumerGroups = [] }: HubOptions): void {
  for (const group of consumerGroups) if (hub.group(group) === undefined) namespace.createGroup(hub, group);
}
