import type { StreamKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { luaNow, run, script } from "../script.ts";

const forwardDueScript = script(`
${luaNow}
local wait = -1
for k = 1, #KEYS, 2 do
  local due = redis.call('ZRANGEBYSCORE', KEYS[k], '-inf', now, 'LIMIT', 0, ARGV[1])
  for _, member in ipairs(due) do
    local _, entry = cmsgpack.unpack(member)
    redis.call('XADD', KEYS[k + 1], '*', unpack(entry))
    redis.call('ZREM', KEYS[k], member)
  end
  local first = redis.call('ZRANGE', KEYS[k], 0, 0, 'WITHSCORES')
  if first[2] then
    local left = math.max(0, math.ceil(tonumber(first[2]) - now))
    if wait < 0 or left < wait then wait = left end
  end
end
return wait
`);

/**
 * Moves what is due into its stream, at most `limit` of each. Resolves with the
 * milliseconds until the next is due, or `undefined` when nothing waits.
 */
export async function forwardDue(
  client: RedisClient,
  streams: readonly StreamKeys[],
  limit: number,
): Promise<number | undefined> {
  const keys = streams.flatMap(({ waiting, stream }) => [waiting, stream]);
  const wait = Number(await run(client, forwardDueScript, keys, [limit]));
  return wait < 0 ? undefined : wait;
}
