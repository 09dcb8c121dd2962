import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";
import { luaOwns } from "./ownership.ts";

/** A delivery, by its entry and the broker's count of its deliveries. */
export interface Token {
  readonly entry: string;
  readonly count: number;
}

const ackOwnedScript = script(`
${luaOwns}
local lost, mine = {}, {}
for i = 4, #ARGV, 2 do
  if owns(KEYS[1], ARGV[1], ARGV[2], ARGV[i], ARGV[i + 1]) then
    mine[#mine + 1] = ARGV[i]
  else
    lost[#lost + 1] = (i - 4) / 2
  end
end
if #mine > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(mine))
  if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], unpack(mine)) end
end
return lost
`);

/** Acks what is still the consumer's; resolves with the indexes of what is not. `remove`: no other group needs the entries. */
export async function ackOwned(
  client: RedisClient,
  stream: string,
  group: string,
  consumer: string,
  remove: boolean,
  tokens: readonly Token[],
): Promise<readonly number[]> {
  const args = [group, consumer, remove ? "1" : "0"];
  for (const { entry, count } of tokens) args.push(entry, String(count));
  return (await run(client, ackOwnedScript, [stream], args)) as number[];
}

const ackAndRemoveScript = script(`
local acked = redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, 2))
redis.call('XDEL', KEYS[1], unpack(ARGV, 2))
return acked
`);

/** Acks and deletes entries that certainly are the consumer's; resolves with how many were still pending. */
export async function ackAndRemove(
  client: RedisClient,
  stream: string,
  group: string,
  entries: readonly string[],
): Promise<number> {
  return Number(await run(client, ackAndRemoveScript, [stream], [group, ...entries]));
}
