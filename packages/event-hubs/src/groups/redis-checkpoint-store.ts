import { MessagingError } from "@waybill/core/spi";
import type { Redis } from "ioredis";
import type { GroupCheckpoint, GroupStore, PartitionOwnership } from "./checkpoint-store.ts";

/**
 * A claim is taken only where the record's tag is the one that the claimant knows.
 * KEYS: the group's ownerships, the hub's groups. ARGV: the group, then partition,
 * known tag and owner of each claim. Returns tag and time for each; an empty tag where refused.
 */
const claimScript = `
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
local answers = {}
for i = 2, #ARGV, 3 do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
  local tag = record and string.match(record, '^[^|]*') or ''
  if tag == ARGV[i + 1] then
    local new = tostring(redis.call('HINCRBY', KEYS[1], 'tags', 1))
    redis.call('HSET', KEYS[1], ARGV[i], new .. '|' .. ms .. '|' .. ARGV[i + 2])
    answers[#answers + 1] = new
  else
    answers[#answers + 1] = ''
  end
  answers[#answers + 1] = ms
end
redis.call('SADD', KEYS[2], ARGV[1])
return answers`;

/** The counter beside the partitions of a group's ownerships. */
const counter = "tags";

/** Keeps checkpoints and ownerships in Redis: for who has no storage account, or none nearby. */
export class RedisStore implements GroupStore {
  readonly #redis: Redis;

  static async open(url: string): Promise<RedisStore> {
    const ioredis = await import("ioredis").catch((cause: unknown) => {
      throw new MessagingError("ADAPTER_MISSING", "Checkpoints in Redis need ioredis.", {
        remedy: "npm install ioredis",
        cause,
      });
    });
    const redis = new ioredis.Redis(url, {
      lazyConnect: true,
      maxRetriesPerRequest: 1,
      connectTimeout: 5_000,
      commandTimeout: 5_000,
      retryStrategy: (times) => Math.min(1_000, times * 50),
    });
    // Every call says so by itself.
    redis.on("error", () => {});
    return new RedisStore(redis);
  }

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  async listOwnership(namespace: string, hub: string, group: string): Promise<PartitionOwnership[]> {
    const records = await withoutArguments(this.#redis.hgetall(keyOf("ownership", namespace, hub, group)));
    const ownerships: PartitionOwnership[] = [];
    for (const [partitionId, record] of Object.entries(records)) {
      if (partitionId === counter) continue;
      const [etag = "", modified = "", ...owner] = record.split("|");
      ownerships.push({
        fullyQualifiedNamespace: namespace,
        eventHubName: hub,
        consumerGroup: group,
        partitionId,
        ownerId: owner.join("|"),
        etag,
        lastModifiedTimeInMs: Number(modified),
      });
    }
    return ownerships;
  }

  async claimOwnership(claims: PartitionOwnership[]): Promise<PartitionOwnership[]> {
    const [first] = claims;
    if (first === undefined) return [];
    const { fullyQualifiedNamespace: namespace, eventHubName: hub, consumerGroup: group } = first;
    const answers = (await withoutArguments(
      this.#redis.eval(
        claimScript,
        2,
        keyOf("ownership", namespace, hub, group),
        groupsKey(namespace, hub),
        group,
        ...claims.flatMap(({ partitionId, etag, ownerId }) => [partitionId, etag ?? "", ownerId]),
      ),
    )) as (string | number)[];
    return claims.flatMap((claim, i) => {
      const etag = String(answers[i * 2]);
      return etag === "" ? [] : [{ ...claim, etag, lastModifiedTimeInMs: Number(answers[i * 2 + 1]) }];
    });
  }

  async updateCheckpoint(checkpoint: GroupCheckpoint): Promise<void> {
    const { fullyQualifiedNamespace: namespace, eventHubName: hub, consumerGroup: group } = checkpoint;
    const { partitionId, sequenceNumber, offset, notes = "" } = checkpoint;
    const record = `${sequenceNumber}|${offset}|${notes}`;
    await withoutArguments(
      this.#redis
        .pipeline()
        .hset(keyOf("checkpoint", namespace, hub, group), partitionId, record)
        .sadd(groupsKey(namespace, hub), group)
        .exec()
        .then((results) => {
          for (const [error] of results ?? []) if (error !== null) throw error;
        }),
    );
  }

  async listCheckpoints(namespace: string, hub: string, group: string): Promise<GroupCheckpoint[]> {
    const records = await withoutArguments(this.#redis.hgetall(keyOf("checkpoint", namespace, hub, group)));
    return Object.entries(records).map(([partitionId, record]) => {
      const [sequenceNumber = "", offset = "-1", notes] = record.split("|");
      return {
        fullyQualifiedNamespace: namespace,
        eventHubName: hub,
        consumerGroup: group,
        partitionId,
        sequenceNumber: Number(sequenceNumber),
        offset,
        notes,
      };
    });
  }

  async forget(namespace: string, hub: string, group?: string): Promise<void> {
    const groups =
      group === undefined ? await withoutArguments(this.#redis.smembers(groupsKey(namespace, hub))) : [group];
    for (const one of groups) {
      await withoutArguments(
        this.#redis
          .pipeline()
          .del(keyOf("ownership", namespace, hub, one))
          .del(keyOf("checkpoint", namespace, hub, one))
          .srem(groupsKey(namespace, hub), one)
          .exec(),
      );
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }
}

/** All keys of a hub share a slot of a cluster. Event Hubs tells no case apart. */
function keyOf(what: "ownership" | "checkpoint", namespace: string, hub: string, group: string): string {
  return `waybill:event-hubs:{${namespace}/${hub}}:${what}:${group}`.toLowerCase();
}

function groupsKey(namespace: string, hub: string): string {
  return `waybill:event-hubs:{${namespace}/${hub}}:groups`.toLowerCase();
}

/** ioredis puts a command's arguments on its errors; a password is among those of AUTH. */
async function withoutArguments<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (cause) {
    if (cause instanceof Error && "command" in cause) delete cause.command;
    throw cause;
  }
}
