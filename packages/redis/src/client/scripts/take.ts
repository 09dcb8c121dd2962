import type { GroupKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { run, script } from "../script.ts";
import type { RawEntry } from "./claim.ts";

const takeScript = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local taken, left = {}, tonumber(ARGV[4])
for k = 2, 3 do
  local entries = {}
  if left > 0 then
    local reply = redis.call('XREADGROUP', 'GROUP', ARGV[3], ARGV[1], 'COUNT', left, 'STREAMS', KEYS[k], '>')
    if reply then entries = reply[1][2] end
  end
  left = left - #entries
  taken[k - 1] = entries
end
if left < tonumber(ARGV[4]) then return taken end
local last = {}
for k = 2, 3 do
  for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[k])) do
    if info[2] == ARGV[3] then last[k - 1] = info[8] end
  end
end
return last
`);

/**
 * `lost`: another member holds the lock. `empty`: nothing new; `after` says how far
 * each stream has been delivered. Returns come before the main stream, in both.
 */
export type Taken =
  | { readonly kind: "lost" }
  | { readonly kind: "empty"; readonly after: readonly [returns: string, main: string] }
  | { readonly kind: "entries"; readonly returns: readonly RawEntry[]; readonly main: readonly RawEntry[] };

/** Reads new entries in the same step that checks and renews the lock: no one who has lost it can take any. */
export async function take(
  client: RedisClient,
  keys: GroupKeys,
  consumer: string,
  lockMs: number,
  limit: number,
): Promise<Taken> {
  const reply = await run(
    client,
    takeScript,
    [keys.lock, keys.returns.stream, keys.main.stream],
    [consumer, lockMs, keys.group, limit],
  );
  if (!Array.isArray(reply)) return { kind: "lost" };
  if (Buffer.isBuffer(reply[0])) return { kind: "empty", after: [String(reply[0]), String(reply[1])] };
  return { kind: "entries", returns: reply[0], main: reply[1] };
}
