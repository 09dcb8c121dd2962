import type { StreamKeys } from "../../naming.ts";
import type { RedisClient } from "../redis-client.ts";
import { luaNow, run, script } from "../script.ts";

/** How far a batch got: all of it when there is no error. `absent`: no such stream, nothing written. */
export type Published = { readonly stored: number; readonly error?: string } | "absent";

const publishScript = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local entries = cmsgpack.unpack(ARGV[1])
for i = 1, #entries do
  local reply = redis.pcall('XADD', KEYS[1], '*', unpack(entries[i]))
  if type(reply) == 'table' and reply.err then return {i - 1, reply.err} end
end
return #entries
`);

/** Appends a packed batch. The first entry that fails ends it, so that nothing overtakes. */
export async function publish(client: RedisClient, to: StreamKeys, batch: Buffer): Promise<Published> {
  return published(await run(client, publishScript, [to.stream], [batch]));
}

// Members of the sorted set: a tag that keeps equal messages apart, then the entry.
const publishDelayedScript = script(`
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
${luaNow}
local entries = cmsgpack.unpack(ARGV[1])
for i = 1, #entries do
  local tag = clock[1] .. ':' .. clock[2] .. ':' .. i
  local member = cmsgpack.pack(tag, entries[i])
  local reply = redis.pcall('ZADD', KEYS[2], now + ARGV[i + 1], member)
  if type(reply) == 'table' and reply.err then return {i - 1, reply.err} end
end
return #entries
`);

/** Puts a packed batch aside until each entry's delay, in milliseconds, is over. */
export async function publishDelayed(
  client: RedisClient,
  to: StreamKeys,
  batch: Buffer,
  delaysMs: readonly number[],
): Promise<Published> {
  return published(await run(client, publishDelayedScript, [to.stream, to.waiting], [batch, ...delaysMs]));
}

function published(reply: unknown): Published {
  if (Array.isArray(reply)) return { stored: Number(reply[0]), error: String(reply[1]) };
  return reply === -1 ? "absent" : { stored: Number(reply) };
}
