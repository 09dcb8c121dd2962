import { randomBytes } from "node:crypto";
import type { AccessKey, BearerToken } from "./auth/claims.ts";

/** A hub to make when the emulator starts, unless it is there already. */
export interface HubOptions {
  readonly name: string;
  /** Partitions; 4 unless told otherwise. They cannot be changed later. */
  readonly partitionCount?: number;
  /** How long events are kept, milliseconds; a day unless told otherwise. */
  readonly retentionMs?: number;
  /** Consumer groups besides `$Default`. */
  readonly consumerGroups?: readonly string[];
}

/** How an emulator is set up. Everything has a default. */
export interface EmulatorOptions {
  /** The address to listen on; `127.0.0.1`. */
  readonly host?: string;
  /** The port for AMQP and HTTP; 0, the default, takes any free one. */
  readonly port?: number;
  /**
   * Shared access keys. One named `RootManageSharedAccessKey` with a random secret
   * unless told otherwise.
   */
  readonly keys?: readonly AccessKey[];
  /** Bearer tokens to take as they are; none unless told otherwise. */
  readonly bearerTokens?: readonly BearerToken[];
  /** Hubs to begin with. */
  readonly hubs?: readonly HubOptions[];
  /** A folder to keep everything in; without one all is in memory and gone at the end. */
  readonly data?: string;
  /** With `data`: confirm events only when they are on the disk itself, not just with the operating system. */
  readonly fsync?: boolean;
  /** Bytes of events kept in memory; with `data` a cache, without it the oldest beyond it are lost. 256 MiB. */
  readonly memory?: number;
  /** Bytes that one partition keeps at most; 1 GiB. */
  readonly retentionBytes?: number;
  /** Bytes of one transfer, which may hold a batch; 1 MiB (1,048,576), as with the Standard tier. */
  readonly maxMessageSize?: number;
  /** Milliseconds of silence after which a client should think the connection dead; 60,000. */
  readonly idleTimeoutMs?: number;
  /** How often retention is seen to, milliseconds; 5,000. */
  readonly retentionIntervalMs?: number;
}

export type ResolvedOptions = Required<Omit<EmulatorOptions, "data">> & { readonly data: string | undefined };

export const ROOT_KEY_NAME = "RootManageSharedAccessKey";

export function resolveOptions(options: EmulatorOptions): ResolvedOptions {
  return {
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    keys: options.keys ?? [{ name: ROOT_KEY_NAME, key: randomBytes(32).toString("base64") }],
    bearerTokens: options.bearerTokens ?? [],
    hubs: options.hubs ?? [],
    data: options.data,
    fsync: options.fsync ?? false,
    memory: options.memory ?? 256 * 1024 * 1024,
    retentionBytes: options.retentionBytes ?? 1024 * 1024 * 1024,
    maxMessageSize: options.maxMessageSize ?? 1024 * 1024,
    idleTimeoutMs: options.idleTimeoutMs ?? 60_000,
    retentionIntervalMs: options.retentionIntervalMs ?? 5_000,
  };
}
