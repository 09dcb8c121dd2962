import type { DelayedEntry, Unsettled } from "../../delivery.ts";
import type { GroupKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { luaNow, run, script } from "../script.ts";
import { backoffField } from "./claim.ts";
import { luaMovedEntry } from "./moved-entry.ts";

// With triples (id, count or nothing for one more than it had, delay): those. Without: whatever is still pending, each
// with the count it came with.
const handBackScript = script(`
${luaMovedEntry}
${luaNow}
local function give(found, counts, redeliveries, delay)
  local id = found[1]
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry then
    local copy, carried, origin = moved(id, entry[2])
    stamp(copy, redeliveries or carried + found[4] - 1 + counts, origin)
    if delay > 0 then
      redis.call('ZADD', KEYS[3], now + delay, cmsgpack.pack(KEYS[1] .. ':' .. id, copy))
    else
      redis.call('XADD', KEYS[2], '*', unpack(copy))
    end
  end
  redis.call('XACK', KEYS[1], ARGV[1], id)
  if ARGV[3] == '1' then redis.call('XDEL', KEYS[1], id) end
end
if #ARGV > 4 then
  for i = 5, #ARGV, 3 do
    local found = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])[1]
    if found then give(found, 1, tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])) end
  end
  return 1
end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', ARGV[4], ARGV[2])
for _, found in ipairs(pending) do give(found, 0, nil, 0) end
if #pending == tonumber(ARGV[4]) then return 1 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 0
`);

const chunk = 200;

/**
 * Hands everything that is pending for a consumer to the other members at once, or after its
 * backoff, through the stream of returns (their blocked reads wake up for it), and removes
 * the consumer from the group. What is not in `unsettled` does not count.
 */
export async function handBack(
  client: RedisClient,
  keys: GroupKeys,
  consumer: string,
  unsettled: Unsettled,
): Promise<void> {
  for (const side of ["main", "returns"] as const) {
    const { stream } = keys[side];
    const { started, delayed } = unsettled[side];
    const remove = keys.owned || side === "returns";
    const args = [keys.group, consumer, remove ? "1" : "0", chunk];
    const give = (known: readonly (string | number)[]) =>
      run(client, handBackScript, [stream, keys.returns.stream, keys.returns.waiting], [...args, ...known]);
    for (let from = 0; from < delayed.length; from += chunk) {
      const some = delayed.slice(from, from + chunk);
      await give(some.flatMap((one) => [one.entry, one.redeliveries, delayOf(one)]));
    }
    for (let from = 0; from < started.length; from += chunk)
      await give(started.slice(from, from + chunk).flatMap((entry) => [entry, "", 0]));
    while ((await give([])) === 1);
  }
}

function delayOf({ dueAt }: DelayedEntry): number {
  return Math.ceil(Math.max(0, dueAt - performance.now()));
}

/** What is noted outlives the longest wait by this, in milliseconds, and is gone: nobody need clean up. */
const noteMarginMs = 60_000;

// ARGV: group, consumer, first id, most, the side's prefix in the hash of waits, the number of started ids, those, and
// triples (id, the broker's count, delay) for what waits for its next attempt.
const handBackInPlaceScript = script(`
${luaNow}
local started, waiting = {}, {}
local first = 7 + tonumber(ARGV[6])
for i = 7, first - 1 do started[ARGV[i]] = true end
for i = first, #ARGV, 3 do waiting[ARGV[i]] = {ARGV[i + 1], tonumber(ARGV[i + 2])} end
if ARGV[3] == '-' then
  local noted = redis.call('HGETALL', KEYS[2])
  for i = 1, #noted, 2 do
    local due = tonumber(string.match(noted[i + 1], '^%d+'))
    if not due or due <= now then redis.call('HDEL', KEYS[2], noted[i]) end
  end
end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], '+', ARGV[4], ARGV[2])
local last = false
for _, found in ipairs(pending) do
  last = found[1]
  local waits = waiting[last]
  if waits then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, last, 'RETRYCOUNT', waits[1], 'JUSTID')
    local delay = waits[2]
    if delay > 0 then
      redis.call('HSET', KEYS[2], ARGV[5] .. last, string.format('%.0f %.0f', now + delay, delay))
      if redis.call('PTTL', KEYS[2]) < delay + ${noteMarginMs} then
        redis.call('PEXPIRE', KEYS[2], delay + ${noteMarginMs})
      end
    end
  elseif not started[last] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, last, 'RETRYCOUNT', math.max(0, found[4] - 1), 'JUSTID')
  end
end
if #pending == tonumber(ARGV[4]) then return last end
if last or ARGV[3] ~= '-' then return false end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return false
`);

/**
 * The same for an ordered group: entries stay where they are, in order, for the
 * next active member to take over; only their count changes, and how long they have to wait is noted.
 */
export async function handBackInPlace(
  client: RedisClient,
  keys: GroupKeys,
  consumer: string,
  unsettled: Unsettled,
): Promise<void> {
  for (const side of ["main", "returns"] as const) {
    const { started, delayed } = unsettled[side];
    for (let from = "-"; ; ) {
      const waiting = delayed.flatMap((one) => [
        one.entry,
        Math.max(0, one.redeliveries - one.carried),
        delayOf(one),
      ]);
      const args = [keys.group, consumer, from, chunk, backoffField(side, ""), started.length];
      const last = await run(
        client,
        handBackInPlaceScript,
        [keys[side].stream, keys.backoffs],
        [...args, ...started, ...waiting],
      );
      if (last === null) break;
      from = `(${String(last)}`;
    }
  }
}
