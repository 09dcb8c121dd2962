import type { RedisClient } from "../redis-client.ts";
import { mostIds, run, script } from "../script.ts";

/** Entries as XREADGROUP gives them, and how often each had been delivered before. */
export interface Claimed {
  readonly entries: readonly RawEntry[];
  readonly deliveredBefore: ReadonlyMap<string, number>;
  /** Where to go on: `undefined` when nothing is left. */
  readonly next: string | undefined;
}

export type RawEntry = readonly [id: Buffer, fields: readonly Buffer[]];

// XCLAIM answers with nothing (or null, before Redis 7) for what was deleted meanwhile, and that is acked. Its own
// minimum of idle time is 0: what a clock that was set back makes too young for it must not be taken for deleted.
const claimScript = script(`
local pending
if ARGV[3] == '0' then
  pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[4], '+', ARGV[5])
else
  pending = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], ARGV[4], '+', ARGV[5])
end
if #pending == 0 then return false end
local ids, counts = {}, {}
for i, found in ipairs(pending) do
  ids[i], counts[i] = found[1], found[4]
end
local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))
local entries, present = {}, {}
for _, entry in ipairs(claimed) do
  if entry and entry[2] then
    entries[#entries + 1] = entry
    present[entry[1]] = true
  end
end
for _, id in ipairs(ids) do
  if not present[id] then redis.call('XACK', KEYS[1], ARGV[1], id) end
end
return {entries, ids, counts}
`);

/**
 * Takes over what has been pending for `minIdleMs`, oldest first, beginning with
 * `from` (an id, `(id` for after it, or `-`). Their delivery count goes up by one.
 * It may be less than `limit`, with more to come.
 */
export async function claim(
  client: RedisClient,
  stream: string,
  group: string,
  consumer: string,
  minIdleMs: number,
  from: string,
  limit: number,
): Promise<Claimed> {
  const most = Math.min(limit, mostIds);
  const args = [group, consumer, minIdleMs, from, most];
  const reply = (await run(client, claimScript, [stream], args)) as
    | readonly [RawEntry[], Buffer[], number[]]
    | null;
  if (reply === null) return { entries: [], deliveredBefore: new Map(), next: undefined };
  const [entries, ids, counts] = reply;
  const last = ids.at(-1);
  return {
    entries,
    deliveredBefore: new Map(ids.map((id, index) => [id.toString("latin1"), counts[index] as number])),
    next: ids.length < most || last === undefined ? undefined : `(${last.toString("latin1")}`,
  };
}
