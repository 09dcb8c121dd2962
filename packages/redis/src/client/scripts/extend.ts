import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";
import type { Token } from "./ack.ts";
import { luaOwns } from "./ownership.ts";

const extendScript = script(`
${luaOwns}
local lost, mine = {}, {}
for i = 3, #ARGV, 2 do
  if owns(KEYS[1], ARGV[1], ARGV[2], ARGV[i], ARGV[i + 1]) then
    mine[#mine + 1] = ARGV[i]
  else
    lost[#lost + 1] = (i - 3) / 2
  end
end
if #mine > 0 then
  mine[#mine + 1] = 'JUSTID'
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(mine))
end
return lost
`);

/** Begins the idle time of these anew; resolves with the indexes of those that are no longer the consumer's. */
export async function extend(
  client: RedisClient,
  stream: string,
  group: string,
  consumer: string,
  tokens: readonly Token[],
): Promise<readonly number[]> {
  const args = [group, consumer];
  for (const { entry, count } of tokens) args.push(entry, String(count));
  return (await run(client, extendScript, [stream], args)) as number[];
}
