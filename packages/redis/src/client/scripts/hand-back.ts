import type { GroupKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";
import { luaMovedEntry } from "./moved-entry.ts";

const handBackScript = script(`
${luaMovedEntry}
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[4], ARGV[2])
for _, found in ipairs(pending) do
  local id = found[1]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry then
    local copy, redeliveries, origin = moved(id, entry[2])
    stamp(copy, redeliveries + found[4] - 1 + tonumber(ARGV[5]), origin)
    redis.call('XADD', KEYS[2], '*', unpack(copy))
  end
  redis.call('XACK', KEYS[1], ARGV[1], id)
  if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], id) end
end
if #pending == tonumber(ARGV[4]) then return 1 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 0
`);

const chunk = 200;

/**
 * Hands everything that is pending for a consumer to the other members at once,
 * through the stream of returns (their blocked reads wake up for it), and strikes
 * the consumer off. `counts`: whether this delivery counts as one, as it does
 * when the consumer broke rather than closed.
 */
export async function leave(
  client: RedisClient,
  keys: GroupKeys,
  consumer: string,
  counts: boolean,
): Promise<void> {
  for (const stream of [keys.main.stream, keys.returns.stream]) {
    const remove = keys.owned || stream === keys.returns.stream;
    const args = [keys.group, consumer, remove ? "1" : "0", chunk, counts ? 1 : 0];
    while ((await run(client, handBackScript, [stream, keys.returns.stream], args)) === 1);
  }
}

const handBackInPlaceScript = script(`
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], '+', ARGV[4], ARGV[2])
local last = false
for _, found in ipairs(pending) do
  last = found[1]
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, last, 'RETRYCOUNT', math.max(0, found[4] - 1), 'JUSTID')
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
export async function handBackInPlace(client: RedisClient, keys: GroupKeys, consumer: string): Promise<void> {
  for (const stream of [keys.main.stream, keys.returns.stream]) {
    for (let from = "-"; ; ) {
      const last = await run(client, handBackInPlaceScript, [stream], [keys.group, consumer, from, chunk]);
      if (last === null) break;
      from = `(${String(last)}`;
    }
  }
}
