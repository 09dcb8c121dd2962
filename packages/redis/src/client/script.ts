import { createHash } from "node:crypto";
import { isReplyError } from "../errors.ts";
import { type Argument, command, type RedisClient } from "./redis-client.ts";

/** A Lua script: Redis runs it as one step that nothing comes in between. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function script(lua: string): Script {
  return { lua, sha: createHash("sha1").update(lua).digest("hex") };
}

/** Runs a script by its hash; a server that does not know it yet gets the text. */
export async function run(
  client: RedisClient,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await command(client, "evalsha", [script.sha, ...rest]);
  } catch (cause) {
    if (!isReplyError(cause, "NOSCRIPT")) throw cause;
    return command(client, "eval", [script.lua, ...rest]);
  }
}

/** How many ids one script call may pass on to a command: Lua's stack holds 8,000 values (`LUAI_MAXCSTACK`). */
export const mostIds = 1_000;

/** Server time in milliseconds, so that due times do not depend on whose clock is right. */
export const luaNow = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
`;
