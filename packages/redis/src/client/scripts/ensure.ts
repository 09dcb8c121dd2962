import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";

// Streams may be empty, but XADD and XGROUP are the only commands that make one.
const ensureStreamScript = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XDEL', KEYS[1], redis.call('XADD', KEYS[1], '*', 'created', ''))
end
redis.call('XLEN', KEYS[1])
if ARGV[1] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return 1
`);

/** Makes an empty stream where there is none; `expireMs` gives it an end that must be put off again. */
export async function ensureStream(client: RedisClient, stream: string, expireMs?: number): Promise<void> {
  await run(client, ensureStreamScript, [stream], [expireMs ?? ""]);
}

const ensureGroupScript = script(`
for k = 1, #KEYS do
  local reply = redis.pcall('XGROUP', 'CREATE', KEYS[k], ARGV[1], ARGV[k + 1], 'MKSTREAM')
  if type(reply) == 'table' and reply.err and not string.find(reply.err, 'BUSYGROUP', 1, true) then
    return redis.error_reply(reply.err)
  end
end
return 1
`);

/** Makes a group on both of its streams where it is missing, beginning after `start` on the first. */
export async function ensureGroup(
  client: RedisClient,
  main: string,
  returns: string,
  group: string,
  start: string,
): Promise<void> {
  await run(client, ensureGroupScript, [main, returns], [group, start, "0"]);
}

const ensureRetentionScript = script(`
if (tonumber(redis.call('GET', KEYS[1]) or 0) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
`);

/** Notes for how long a topic keeps its entries. Where clients differ, the longest time holds. */
export async function ensureRetention(client: RedisClient, key: string, ms: number): Promise<void> {
  await run(client, ensureRetentionScript, [key], [ms]);
}
