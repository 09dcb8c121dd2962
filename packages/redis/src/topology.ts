import {
  type Address,
  MessagingError,
  type StartPosition,
  shownText,
  type Topology,
  type TopologyItem,
  type TopologyState,
} from "@waybill/core/spi";
import { command, type RedisClient } from "./client/redis-client.ts";
import { ensureGroup, ensureRetention, ensureStream } from "./client/scripts/ensure.ts";
import { isReplyError } from "./errors.ts";
import { groupKeys, queueGroup, topicKeys } from "./naming.ts";
import type { Settings } from "./options.ts";
import { before, beforeTime } from "./receiving/entry-id.ts";

/** An inbox lives for this long after its client's last sign of life, in milliseconds. */
export const inboxLifeMs = 60_000;

export class RedisTopology implements Topology {
  readonly #client: RedisClient;
  readonly #settings: Settings;

  constructor(client: RedisClient, settings: Settings) {
    this.#client = client;
    this.#settings = settings;
  }

  async ensure(items: readonly TopologyItem[]): Promise<void> {
    for (const item of items) await this.#ensure(item);
  }

  inspect(addresses: readonly Address[]): Promise<readonly TopologyState[]> {
    return Promise.all(addresses.map((address) => this.#inspect(address)));
  }

  async remove(addresses: readonly Address[]): Promise<void> {
    for (const address of addresses) await this.#remove(address);
  }

  async #ensure({ address, start }: TopologyItem): Promise<void> {
    const client = this.#client;
    if (address.kind === "inbox") return ensureStream(client, address.brokerName, inboxLifeMs);
    if (address.kind !== "topic") {
      const { main, returns, group, owned } = groupKeys(address);
      await ensureGroup(client, main.stream, returns.stream, group, owned ? "0" : startId(start));
    } else await ensureStream(client, address.brokerName);
    if (address.retained) {
      const { retention } = topicKeys(address.brokerName);
      await ensureRetention(client, retention, this.#settings.retentionMs);
    }
  }

  async #inspect(address: Address): Promise<TopologyState> {
    const missing = { address, exists: false, differences: [] };
    const type = String(await command(this.#client, "type", [address.brokerName]));
    if (type === "none") return missing;
    if (type !== "stream") return { ...missing, differences: [`The key holds a ${type}, not a stream.`] };
    if (address.kind === "inbox") return { address, exists: true, differences: [] };
    const differences = await this.#retentionDifferences(address);
    if (address.kind === "topic") return { address, exists: true, differences };
    const keys = groupKeys(address);
    const info = await this.#group(keys.main.stream, keys.group);
    if (info === undefined) {
      if (!keys.owned) return missing;
      return { ...missing, differences: [`The stream has no consumer group "${queueGroup}".`] };
    }
    const state = { address, exists: true, differences };
    const unread = keys.owned ? await this.#length(keys.main.stream) : unreadOf(info);
    if (unread === undefined) return state;
    const returned = await this.#length(keys.returns.stream);
    const waiting = await this.#waiting([keys.returns.waiting, ...(keys.owned ? [keys.main.waiting] : [])]);
    return { ...state, backlog: unread + returned + waiting };
  }

  async #retentionDifferences(address: Address): Promise<string[]> {
    if (!address.retained) return [];
    const kept = Number(await command(this.#client, "get", [topicKeys(address.brokerName).retention]));
    const { retentionMs } = this.#settings;
    return kept >= retentionMs ? [] : [`It keeps messages for ${kept} ms, not for ${retentionMs} ms.`];
  }

  async #remove(address: Address): Promise<void> {
    if (address.kind === "inbox") return this.#unlink([address.brokerName]);
    if (address.kind === "group") {
      await this.#ignoring(["ERR no such key", "ERR The XGROUP", "NOGROUP"], () =>
        command(this.#client, "xgroup", ["DESTROY", address.brokerName, groupKeys(address).group]),
      );
      return this.#unlink(derivedKeys(address));
    }
    const keys = topicKeys(address.brokerName);
    const groups = address.kind === "topic" ? await this.#groupNames(address.brokerName) : [];
    const derived = groups.flatMap((brokerGroup) => derivedKeys({ ...address, kind: "group", brokerGroup }));
    const own = [address.brokerName, keys.main.waiting, keys.readers, keys.retention];
    await this.#unlink([...own, ...derived, ...(address.kind === "queue" ? derivedKeys(address) : [])]);
  }

  async #unlink(keys: readonly string[]): Promise<void> {
    await command(this.#client, "unlink", [...keys]);
  }

  async #groupNames(stream: string): Promise<string[]> {
    const groups = await this.#groups(stream);
    return groups.map((group) => String(group.get("name")));
  }

  async #group(stream: string, name: string): Promise<ReadonlyMap<string, unknown> | undefined> {
    const groups = await this.#groups(stream);
    return groups.find((group) => String(group.get("name")) === name);
  }

  async #groups(stream: string): Promise<readonly ReadonlyMap<string, unknown>[]> {
    const reply = await this.#ignoring(["ERR no such key"], () =>
      command(this.#client, "xinfo", ["GROUPS", stream]),
    );
    return ((reply ?? []) as unknown[][]).map(pairs);
  }

  async #length(stream: string): Promise<number> {
    return Number(await command(this.#client, "xlen", [stream]));
  }

  async #waiting(sets: readonly string[]): Promise<number> {
    const counts = await Promise.all(sets.map((set) => command(this.#client, "zcard", [set])));
    return counts.reduce<number>((sum, count) => sum + Number(count), 0);
  }

  async #ignoring(kinds: readonly string[], act: () => Promise<unknown>): Promise<unknown> {
    try {
      return await act();
    } catch (cause) {
      if (kinds.some((kind) => isReplyError(cause, kind))) return undefined;
      throw cause;
    }
  }
}

/** All that was made for a group or queue, but for its stream and what topics have too. */
function derivedKeys(address: Address): string[] {
  const { returns, lock, backoffs } = groupKeys(address);
  return [returns.stream, returns.waiting, lock, backoffs];
}

/** The id after which to read, as XGROUP CREATE and XREAD take it. */
export function startId(start: StartPosition): string {
  switch (start.from) {
    case "latest":
      return "$";
    case "earliest":
      return "0-0";
    case "time":
      return beforeTime(start.timestamp);
    case "position": {
      const id = before(start.position);
      if (id !== undefined) return id;
      throw new MessagingError(
        "INVALID_ARGUMENT",
        `"${shownText(start.position)}" is no position on Redis.`,
        {
          remedy: "Positions are entry ids such as 1526919030474-55, as deliveries carry them.",
        },
      );
    }
  }
}

/** Unread and unsettled entries; `undefined` where the server does not tell (before Redis 7, or after deletions). */
function unreadOf(info: ReadonlyMap<string, unknown>): number | undefined {
  const lag = info.get("lag");
  return typeof lag === "number" ? lag + Number(info.get("pending")) : undefined;
}

function pairs(flat: readonly unknown[]): ReadonlyMap<string, unknown> {
  const map = new Map<string, unknown>();
  for (let i = 0; i + 1 < flat.length; i += 2) map.set(String(flat[i]), flat[i + 1]);
  return map;
}
