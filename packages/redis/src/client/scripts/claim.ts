import type { Side } from "../../delivery.ts";
import type { GroupKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { luaNow, mostIds, run, script } from "../script.ts";

/** Entries as XREADGROUP gives them, and how often each had been delivered before. */
export interface Claimed {
  readonly entries: readonly RawEntry[];
  readonly deliveredBefore: ReadonlyMap<string, number>;
  /** How long entries have still to wait for their next attempt, in milliseconds. */
  readonly waits: ReadonlyMap<string, number>;
  /** Of how many entries the wait could not be read. */
  readonly damaged: number;
  /** Where to go on: `undefined` when nothing is left. */
  readonly next: string | undefined;
}

export type RawEntry = readonly [id: Buffer, fields: readonly Buffer[]];

// What is noted of a wait stays until it is over, so that it outlives whoever takes the entry over now.
const luaWaits = `
local function waitsOf(ids, side)
  local waits, damaged = {}, 0
  if redis.call('EXISTS', KEYS[2]) == 0 then return waits, damaged end
  ${luaNow}
  for _, id in ipairs(ids) do
    local noted = redis.call('HGET', KEYS[2], side .. id)
    if noted then
      local due, delay = string.match(string.sub(noted, 1, 40), '^(%d+) (%d+)$')
      local wait = due and math.min(tonumber(due) - now, tonumber(delay)) or 0
      if not due then damaged = damaged + 1 end
      if wait > 0 then
        waits[#waits + 1] = id
        waits[#waits + 1] = string.format('%.0f', wait)
      else
        redis.call('HDEL', KEYS[2], side .. id)
      end
    end
  end
  return waits, damaged
end
`;

// XCLAIM answers with nothing (or null, before Redis 7) for what was deleted meanwhile, and that is acked. Its own
// minimum of idle time is 0: what a clock that was set back makes too young for it must not be taken for deleted.
const claimScript = script(`
${luaWaits}
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
local waits, damaged = waitsOf(ids, ARGV[6])
return {entries, ids, counts, waits, damaged}
`);

/**
 * Takes over what has been pending for `minIdleMs`, oldest first, beginning with
 * `from` (an id, `(id` for after it, or `-`). Their delivery count goes up by one.
 * It may be less than `limit`, with more to come.
 */
export async function claim(
  client: RedisClient,
  keys: GroupKeys,
  side: Side,
  consumer: string,
  minIdleMs: number,
  from: string,
  limit: number,
): Promise<Claimed> {
  const most = Math.min(limit, mostIds);
  const args = [keys.group, consumer, minIdleMs, from, most, backoffField(side, "")];
  const reply = (await run(client, claimScript, [keys[side].stream, keys.backoffs], args)) as
    | readonly [RawEntry[], Buffer[], number[], Buffer[], number]
    | null;
  if (reply === null)
    return { entries: [], deliveredBefore: new Map(), waits: new Map(), damaged: 0, next: undefined };
  const [entries, ids, counts, noted, damaged] = reply;
  const waits = new Map<string, number>();
  for (let i = 0; i < noted.length; i += 2) waits.set(String(noted[i]), Number(noted[i + 1]));
  const last = ids.at(-1);
  return {
    entries,
    deliveredBefore: new Map(ids.map((id, index) => [id.toString("latin1"), counts[index] as number])),
    waits,
    damaged,
    next: ids.length < most || last === undefined ? undefined : `(${last.toString("latin1")}`,
  };
}

/** Where the wait of an entry is noted: ids are given once, but each of the two streams gives its own. */
export function backoffField(side: Side, entry: string): string {
  return `${side} ${entry}`;
}
