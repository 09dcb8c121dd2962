import { MessagingError, unlessGivenUp } from "@waybill/core/spi";
import { Cluster, Redis, type RedisOptions as VendorOptions } from "ioredis";
import { classify } from "../errors.ts";
import { endpoints, type Settings } from "../options.ts";
import type { ReadableSocket } from "../receiving/read-in-turns.ts";

export type Argument = string | number | Buffer;

/** As much of ioredis as this adapter uses; a server and a cluster look the same through it. */
export interface RedisClient {
  callBuffer(command: string, args: Argument[]): Promise<unknown>;
  connect(): Promise<void>;
  disconnect(): void;
  on(event: "error" | "end", listener: (cause?: unknown) => void): unknown;
  /** Its connection, once it has one. A cluster has several, and does not show them. */
  readonly stream?: ReadableSocket;
}

/**
 * Sends a command; replies are buffers, numbers, arrays and null. ioredis puts
 * the command's arguments on its errors: bodies and passwords, so they go.
 */
export async function command(client: RedisClient, name: string, args: Argument[]): Promise<unknown> {
  try {
    return await client.callBuffer(name, args);
  } catch (cause) {
    throw withoutArguments(cause);
  }
}

function withoutArguments(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause;
  if ("command" in cause) delete cause.command;
  if ("lastNodeError" in cause) withoutArguments(cause.lastNodeError);
  return cause;
}

/**
 * A client that makes one connection and never reconnects by itself: core repeats what
 * is worth repeating, and ioredis repeating it too could store a message twice.
 * `silenceMs`: how long the server may owe an answer before the connection counts as lost.
 * `isReader`: one of many to a server that another connection has looked at already.
 */
export function createClient(
  settings: Settings,
  silenceMs: number,
  { isReader = false }: { readonly isReader?: boolean } = {},
): RedisClient {
  const { replyMapping: _, ...given } = settings.client ?? {};
  const common: Omit<VendorOptions, "replyMapping"> = {
    ...given,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableAutoPipelining: false,
    keyPrefix: "",
    stringNumbers: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    reconnectOnError: null,
    connectTimeout: settings.connectTimeoutMs,
    socketTimeout: silenceMs,
    ...(isReader ? { enableReadyCheck: false, disableClientInfo: true } : {}),
    connectionName: settings.connectionName,
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ...(settings.tls === undefined ? {} : { tls: settings.tls === true ? {} : settings.tls }),
  };
  if (settings.cluster) {
    const { retryStrategy: __, enableOfflineQueue: ___, ...redisOptions } = common;
    const nodes = [{ host: settings.host, port: settings.port }, ...endpoints(settings.nodes ?? [])];
    return new Cluster(nodes, {
      lazyConnect: true,
      enableOfflineQueue: false,
      clusterRetryStrategy: () => null,
      slotsRefreshTimeout: settings.connectTimeoutMs,
      redisOptions,
    }) as RedisClient;
  }
  if (settings.sentinels !== undefined) {
    return new Redis({
      ...common,
      db: settings.db,
      sentinels: endpoints(settings.sentinels),
      name: settings.sentinelName as string,
      sentinelRetryStrategy: () => null,
      ...(settings.sentinelPassword === undefined ? {} : { sentinelPassword: settings.sentinelPassword }),
      enableTLSForSentinelMode: settings.tls !== undefined,
    }) as RedisClient;
  }
  return new Redis({ ...common, db: settings.db, host: settings.host, port: settings.port }) as RedisClient;
}

/** Connects, once. Rejects with what went wrong underneath, where ioredis would only say "closed". */
export async function open(client: RedisClient, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw gaveUp(signal);
  let underneath: unknown;
  const onAbort = () => client.disconnect();
  client.on("error", (cause) => {
    underneath ??= withoutArguments(cause);
  });
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    // ioredis waits two seconds more for a silent server to hang up.
    await unlessGivenUp(client.connect(), signal);
  } catch (cause) {
    client.disconnect();
    if (signal.aborted) throw gaveUp(signal);
    const found = underneath ?? withoutArguments(cause);
    if (classify(found)?.code !== "CONNECTION_LOST") throw found;
    throw new MessagingError("UNREACHABLE", "Something listens there but does not answer as Redis does.", {
      remedy: "Check host, port and TLS.",
      cause: found,
    });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function gaveUp(signal: AbortSignal): MessagingError {
  return new MessagingError(
    "UNREACHABLE",
    "Redis did not answer before the attempt to connect was given up.",
    {
      remedy: "Check its address and the network, or raise `connectTimeoutMs`.",
      cause: signal.reason,
    },
  );
}
