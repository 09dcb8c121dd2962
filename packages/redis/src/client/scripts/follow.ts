import type { TopicKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { luaNow, run, script } from "../script.ts";

const followScript = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
${luaNow}
local position = ARGV[2]
if position == '$' then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then position = info[i + 1] end
  end
end
redis.call('HSET', KEYS[2], ARGV[1], position .. ' ' .. string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[2], ARGV[3] * 2)
return position
`);

/**
 * Notes where a reader without a group is, for `ms`, so that nothing is trimmed
 * before it has read it. Resolves with the position, which says what `$` was;
 * `undefined`: there is no such topic.
 */
export async function follow(
  client: RedisClient,
  keys: TopicKeys,
  reader: string,
  position: string,
  ms: number,
): Promise<string | undefined> {
  const reply = await run(client, followScript, [keys.main.stream, keys.readers], [reader, position, ms]);
  return reply === null ? undefined : String(reply);
}
