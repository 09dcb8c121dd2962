import type { TopicKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { luaNow, run, script } from "../script.ts";

const trimScript = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
${luaNow}
local function parts(id)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end
local keep = math.max(tonumber(ARGV[1]), tonumber(redis.call('GET', KEYS[3]) or 0))
local floor = string.format('%.0f-0', math.max(0, now - keep))
local floorMs, floorSequence = parts(floor)
local function lower(id)
  local ms, sequence = parts(id)
  if ms and (ms < floorMs or (ms == floorMs and sequence < floorSequence)) then
    floor, floorMs, floorSequence = id, ms, sequence
  end
end
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  lower(info[8])
  if info[6] > 0 then lower(redis.call('XPENDING', KEYS[1], info[2])[2]) end
end
local readers = redis.call('HGETALL', KEYS[2])
for i = 1, #readers, 2 do
  local id, expires = string.match(readers[i + 1], '^(%S+) (%d+)$')
  if not expires or tonumber(expires) < now then redis.call('HDEL', KEYS[2], readers[i])
  else lower(id) end
end
return redis.call('XTRIM', KEYS[1], 'MINID', '~', floor)
`);

/**
 * Drops what nobody needs any more: older than `keepMs` and than the topic's own
 * retention, settled by every group, and passed by every live reader without one.
 */
export async function trim(client: RedisClient, keys: TopicKeys, keepMs: number): Promise<number> {
  return Number(await run(client, trimScript, [keys.main.stream, keys.readers, keys.retention], [keepMs]));
}
