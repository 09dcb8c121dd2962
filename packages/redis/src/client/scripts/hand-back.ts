import type { StartedEntries } from "../../delivery.ts";
import type { GroupKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";
import { luaMovedEntry } from "./moved-entry.ts";

// With ids: those, each counted as delivered. Without: whatever is still pending, each with the count it came with.
const handBackScript = script(`
${luaMovedEntry}
local function give(found, counts)
  local id = found[1]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry then
    local copy, redeliveries, origin = moved(id, entry[2])
    stamp(copy, redeliveries + found[4] - 1 + counts, origin)
    redis.call('XADD', KEYS[2], '*', unpack(copy))
  end
  redis.call('XACK', KEYS[1], ARGV[1], id)
  if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], id) end
end
if #ARGV > 4 then
  for i = 5, #ARGV do
    local found = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
    if found then give(found, 1) end
  end
  return 1
end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[4], ARGV[2])
for _, found in ipairs(pending) do give(found, 0) end
if #pending == tonumber(ARGV[4]) then return 1 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 0
`);

const chunk = 200;

/**
 * Hands everything that is pending for a consumer to the other members at once,
 * through the stream of returns (their blocked reads wake up for it), and removes
 * the consumer from the group. Only the deliveries of `started` count.
 */
export async function handBack(
  client: RedisClient,
  keys: GroupKeys,
  consumer: string,
  started: StartedEntries,
): Promise<void> {
  for (const side of ["main", "returns"] as const) {
    const { stream } = keys[side];
    const remove = keys.owned || side === "returns";
    const args = [keys.group, consumer, remove ? "1" : "0", chunk];
    const give = (ids: readonly string[]) =>
      run(client, handBackScript, [stream, keys.returns.stream], [...args, ...ids]);
    for (let from = 0; from < started[side].length; from += chunk)
      await give(started[side].slice(from, from + chunk));
    while ((await give([])) === 1);
  }
}

const handBackInPlaceScript = script(`
local started = {}
for i = 5, #ARGV do started[ARGV[i]] = true end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], '+', ARGV[4], ARGV[2])
local last = false
for _, found in ipairs(pending) do
  last = found[1]
  if not started[last] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, last, 'RETRYCOUNT', math.max(0, found[4] - 1), 'JUSTID')
  end
end
if #pending == tonumber(ARGV[4]) then return last end
if last or ARGV[3] ~= '-' then return false end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return false
`);

/**
 * The same for an ordered group: entries stay where they are, in order, for the
 * next active member to take over; only their delivery does not count.
 */
export async function handBackInPlace(
  client: RedisClient,
  keys: GroupKeys,
  consumer: string,
  started: StartedEntries,
): Promise<void> {
  for (const side of ["main", "returns"] as const) {
    for (let from = "-"; ; ) {
      const args = [keys.group, consumer, from, chunk, ...started[side]];
      const last = await run(client, handBackInPlaceScript, [keys[side].stream], args);
      if (last === null) break;
      from = `(${String(last)}`;
    }
  }
}
