import type { GroupKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";

const joinScript = script(`
local found = false
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if info[2] == ARGV[1] then found = true end
end
if not found then return redis.error_reply('NOGROUP no such consumer group') end
local made = redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[1], '0', 'MKSTREAM')
if type(made) == 'table' and made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  return redis.error_reply(made.err)
end
for k = 1, 2 do
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[k], ARGV[1])) do
    if info[4] == 0 and info[6] > tonumber(ARGV[2]) then
      redis.call('XGROUP', 'DELCONSUMER', KEYS[k], ARGV[1], info[2])
    end
  end
end
return 1
`);

/** A live consumer asks for more every few seconds, unless it holds messages. */
const staleMs = 600_000;

/**
 * Sees that the group is there, with its stream of returns, and removes
 * consumers that crashed long ago and hold nothing. Rejects when there is no such group.
 */
export async function join(client: RedisClient, keys: GroupKeys): Promise<void> {
  await run(client, joinScript, [keys.main.stream, keys.returns.stream], [keys.group, staleMs]);
}
