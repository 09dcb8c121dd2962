import type { RedisDelivery } from "../../delivery.ts";
import type { GroupKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";

// ARGV: group, consumer, id, the count that tells this delivery from a later one, the count that it is to have.
const recountScript = script(`
local found = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])[1]
if not found or found[4] ~= tonumber(ARGV[4]) then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'RETRYCOUNT', ARGV[5], 'JUSTID')
return 1
`);

/** Gives an entry that this consumer holds another delivery count. False if it holds it no more. */
export async function recount(
  client: RedisClient,
  keys: GroupKeys,
  consumer: string,
  { side, entry, count }: RedisDelivery,
  to: number,
): Promise<boolean> {
  const args = [keys.group, consumer, entry, count, to];
  return (await run(client, recountScript, [keys[side].stream], args)) === 1;
}
