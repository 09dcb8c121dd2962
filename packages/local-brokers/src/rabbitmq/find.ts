import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureDebianTree, versionInTree } from "../install/debian-tree.ts";
import { insideTree, installedProgram, type Program } from "../install/program.ts";
import { findOnPath, isExecutable } from "../process/on-path.ts";
import type { NativeSite } from "../recipe.ts";
import { oldestUsable } from "../versions.ts";

export interface RabbitmqPrograms {
  readonly version: string;
  readonly server: Program;
  /** Erlang's port mapper, without which the server does not start. */
  readonly epmd: Program;
}

// Debian's packages put a wrapper on PATH that changes to a user of its own, who may not write to our folder.
const behindDebiansWrapper = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/** The RabbitMQ on this computer if it is new enough, else one in a Debian folder made for it. */
export async function findRabbitmq(site: NativeSite): Promise<RabbitmqPrograms> {
  return installed(site) ?? (await fromDebian(site));
}

function installed(site: NativeSite): RabbitmqPrograms | null {
  const find = (program: string) => findOnPath(program, site.environment);
  const server = isExecutable(behindDebiansWrapper) ? behindDebiansWrapper : find("rabbitmq-server");
  const epmd = find("epmd");
  if (server === null || epmd === null) return null;
  const version = versionBeside(server);
  if (version === null || Number.parseInt(version, 10) < oldestUsable.rabbitmq) return null;
  const program = (command: string) => installedProgram(command, site.folder, site.environment);
  return { version, server: program(server), epmd: program(epmd) };
}

/**
 * The version of a server script, by the name of the `rabbit` application in the plugins folder beside it. Its own
 * tools would tell too, but even `rabbitmqctl version` starts a port mapper, which then stays.
 */
export function versionBeside(server: string): string | null {
  const plugins = join(dirname(realpathSync(server)), "..", "plugins");
  if (!existsSync(plugins)) return null;
  const versions = readdirSync(plugins).map((name) => /^rabbit-(\d+\.\d+\.\d+)/.exec(name)?.[1]);
  return versions.find((version) => version !== undefined) ?? null;
}

async function fromDebian(site: NativeSite): Promise<RabbitmqPrograms> {
  const tree = await ensureDebianTree(`rabbitmq-server ${oldestUsable.rabbitmq} or newer`, site);
  return {
    version: await versionInTree(tree, "rabbitmq-server"),
    server: insideTree(tree, site.folder, behindDebiansWrapper),
    epmd: insideTree(tree, site.folder, "/usr/bin/epmd"),
  };
}
