import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";

const holdScript = script(`
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0
`);

/** Takes or renews the lock of an ordered group; `false`: another member has it. */
export async function hold(
  client: RedisClient,
  lock: string,
  consumer: string,
  ms: number,
): Promise<boolean> {
  return (await run(client, holdScript, [lock], [consumer, ms])) === 1;
}

const renewScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`);

/** Renews the lock if it is still held. Does not take it again: another may have had it in between. */
export async function renew(
  client: RedisClient,
  lock: string,
  consumer: string,
  ms: number,
): Promise<boolean> {
  return (await run(client, renewScript, [lock], [consumer, ms])) === 1;
}

const releaseScript = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
`);

export async function release(client: RedisClient, lock: string, consumer: string): Promise<void> {
  await run(client, releaseScript, [lock], [consumer]);
}
