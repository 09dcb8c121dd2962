import { MessagingError } from "@waybill/core/spi";
import { command, type RedisClient } from "./redis-client.ts";

/** What INFO says that matters here. */
export interface ServerInfo {
  readonly name: string;
  readonly version: string | undefined;
  /** Sentences: how this server could lose what it has confirmed. */
  readonly dangers: readonly string[];
}

/** Asks the server about itself; one that does not answer is taken as it is. */
export async function inspectServer(client: RedisClient): Promise<ServerInfo> {
  try {
    return readInfo(String(await command(client, "info", [])));
  } catch {
    return { name: "redis", version: undefined, dangers: [] };
  }
}

/** Pure: the text of INFO → what matters. Fields are those of https://redis.io/docs/latest/commands/info/ */
export function readInfo(text: string): ServerInfo {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1];
  const valkey = field("server_name") === "valkey" || field("valkey_version") !== undefined;
  const dangers: string[] = [];
  if (field("aof_enabled") === "0") {
    dangers.push(
      "It keeps no append-only file (`appendonly no`), so a crash loses messages that it has confirmed.",
    );
  }
  const policy = field("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction" && Number(field("maxmemory") ?? 0) > 0) {
    dangers.push(`Its memory policy is \`${policy}\`: under pressure it may drop messages.`);
  }
  return {
    name: valkey ? "valkey" : "redis",
    version: (valkey ? field("valkey_version") : undefined) ?? field("redis_version"),
    dangers,
  };
}

/** For the client's `onError`: nothing has failed, but something may. */
export function warning(info: ServerInfo): MessagingError {
  return new MessagingError(
    "BROKER_ERROR",
    `This ${info.name} may lose messages. ${info.dangers.join(" ")}`,
    {
      remedy: "Set `appendonly yes` and `maxmemory-policy noeviction`, or say `acceptVolatile`.",
      details: { dangers: info.dangers },
    },
  );
}
