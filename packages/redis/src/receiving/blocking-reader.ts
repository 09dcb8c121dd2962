import { setTimeout as sleep } from "node:timers/promises";
import { type Argument, command, createClient, open, type RedisClient } from "../client/redis-client.ts";
import type { RawEntry } from "../client/scripts/claim.ts";
import type { Settings } from "../options.ts";
import { openingTurns } from "./opening-turns.ts";
import { readInTurns } from "./read-in-turns.ts";

/** Beyond this, a read without news returns, so that everything else gets its turn: milliseconds. */
const longestBlockMs = 2_000;

/** A stream's new entries, as XREAD and XREADGROUP give them. */
export type StreamEntries = readonly [stream: Buffer, entries: readonly RawEntry[]];

/** A connection for blocking reads: nothing else can use it while it waits. */
export class BlockingReader {
  readonly client: RedisClient;
  readonly blockMs: number;
  readonly #commands: RedisClient;
  readonly #id: number | undefined;
  #blocked = false;

  static async open(settings: Settings, commands: RedisClient, signal: AbortSignal): Promise<BlockingReader> {
    const blockMs = Math.min(longestBlockMs, Math.ceil(settings.leaseMs / 3));
    return openingTurns.run(async () => {
      const client = createClient(settings, blockMs + settings.responseTimeoutMs, { isReader: true });
      await open(client, signal);
      if (client.stream !== undefined) readInTurns(client.stream);
      const id = settings.cluster ? undefined : await clientId(client);
      return new BlockingReader(client, commands, blockMs, id);
    });
  }

  private constructor(client: RedisClient, commands: RedisClient, blockMs: number, id: number | undefined) {
    this.client = client;
    this.blockMs = blockMs;
    this.#commands = commands;
    this.#id = id;
  }

  /** XREAD or XREADGROUP that waits for news; empty when there was none in time. */
  async block(name: "xread" | "xreadgroup", args: Argument[]): Promise<readonly StreamEntries[]> {
    this.#blocked = true;
    try {
      return ((await command(this.client, name, args)) ?? []) as readonly StreamEntries[];
    } finally {
      this.#blocked = false;
    }
  }

  /** Ends a blocked read at once, with nothing; what it has taken already still arrives. Without the right to, it ends by itself. */
  async interrupt(): Promise<void> {
    try {
      while (this.#blocked && this.#id !== undefined) {
        // The other connection's read may not have got there yet.
        if ((await command(this.#commands, "client", ["UNBLOCK", this.#id])) === 1) return;
        await sleep(10);
      }
    } catch {
      // No right to CLIENT, or no connection.
    }
  }

  close(): void {
    this.client.disconnect();
  }
}

async function clientId(client: RedisClient): Promise<number | undefined> {
  try {
    return Number(await command(client, "client", ["ID"]));
  } catch {
    return undefined;
  }
}
