import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureDebianTree, versionInTree } from "../install/debian-tree.ts";
import { insideTree, installedProgram, type Program } from "../install/program.ts";
import { endpointOfUrl } from "../network/endpoint.ts";
import { findOnPath } from "../process/on-path.ts";
import { run } from "../process/run.ts";
import type { BrokerRecipe, NativePlan, NativeSite } from "../recipe.ts";
import { oldestUsable, pinned } from "../versions.ts";
import { redisConfig } from "./config.ts";
import { redisCredentials } from "./credentials.ts";
import { probeRedis } from "./probe.ts";

const defaultPort = 6379;

/** Redis: the one on PATH if it is new enough, else Debian's. */
export const redis: BrokerRecipe = {
  name: "redis",
  title: "Redis",
  defaultPort,
  url: (port) => `redis://127.0.0.1:${port}`,
  endpoint: (url) => endpointOfUrl(url, defaultPort),
  probe: probeRedis,
  keepsData: true,
  imageVersion: () => pinned.redisImage,
  prepareNative,
};

async function prepareNative(site: NativeSite): Promise<NativePlan> {
  const { version, program } = (await installed(site)) ?? (await fromDebian(site));
  const { command, args, folder, path } = program;
  const credentials = redisCredentials(site.port);
  for (const name of ["config", "data"]) mkdirSync(join(site.folder, name), { recursive: true });
  writeFileSync(
    join(site.folder, "config/redis.conf"),
    redisConfig(site.port, `${folder}/data`, credentials),
  );
  return {
    version,
    companions: [],
    broker: {
      command,
      args: [...args, `${folder}/config/redis.conf`],
      env: { PATH: path, LANG: "C.UTF-8" },
      log: join(site.folder, "log/redis.log"),
    },
    credentials,
  };
}

interface Redis {
  readonly version: string;
  readonly program: Program;
}

async function installed(site: NativeSite): Promise<Redis | null> {
  const command = findOnPath("redis-server", site.environment);
  if (command === null) return null;
  const version = redisServerVersion(await run(command, ["--version"]));
  if (version === null || Number.parseInt(version, 10) < oldestUsable.redis) return null;
  return { version, program: installedProgram(command, site.folder, site.environment) };
}

async function fromDebian(site: NativeSite): Promise<Redis> {
  const tree = await ensureDebianTree(`redis-server ${oldestUsable.redis} or newer`, site);
  return {
    version: await versionInTree(tree, "redis-server"),
    program: insideTree(tree, site.folder, "/usr/bin/redis-server"),
  };
}

/** `8.0.2` in `Redis server v=8.0.2 sha=…`. */
export function redisServerVersion(text: string): string | null {
  return /\bv=(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? null;
}
