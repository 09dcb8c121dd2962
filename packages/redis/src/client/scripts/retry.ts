import type { StreamKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { luaNow, run, script } from "../script.ts";
import type { Token } from "./ack.ts";
import { luaMovedEntry } from "./moved-entry.ts";
import { luaOwns } from "./ownership.ts";

const retryScript = script(`
${luaOwns}
${luaMovedEntry}
${luaNow}
local lost = {}
for i = 4, #ARGV, 3 do
  local id, count, delay = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local found = owns(KEYS[1], ARGV[1], ARGV[2], id, count) and redis.call('XRANGE', KEYS[1], id, id)[1]
  if found then
    local copy, redeliveries, origin = moved(id, found[2])
    stamp(copy, redeliveries + tonumber(count), origin)
    if delay > 0 then
      redis.call('ZADD', KEYS[3], now + delay, cmsgpack.pack(KEYS[1] .. ':' .. id, copy))
    else
      redis.call('XADD', KEYS[2], '*', unpack(copy))
    end
    redis.call('XACK', KEYS[1], ARGV[1], id)
    if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], id) end
  else
    lost[#lost + 1] = (i - 4) / 3
  end
end
return lost
`);

/**
 * Puts deliveries aside for this group alone, to come again after their delay,
 * and acks them: in one step, so that none is lost or doubled between the two.
 * Resolves with the indexes of those that were no longer the consumer's.
 */
export async function retry(
  client: RedisClient,
  stream: string,
  returns: StreamKeys,
  group: string,
  consumer: string,
  remove: boolean,
  tokens: readonly (Token & { readonly delayMs: number })[],
): Promise<readonly number[]> {
  const args = [group, consumer, remove ? "1" : "0"];
  for (const { entry, count, delayMs } of tokens) args.push(entry, String(count), String(delayMs));
  return (await run(client, retryScript, [stream, returns.stream, returns.waiting], args)) as number[];
}
