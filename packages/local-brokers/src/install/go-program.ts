import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { BrokerProblem } from "../problem.ts";
import { findOnPath } from "../process/on-path.ts";
import { run } from "../process/run.ts";
import type { NativeSite } from "../recipe.ts";
import { oldestUsable } from "../versions.ts";
import { type EmulatorName, sourcesOf, versionedName } from "./emulator-sources.ts";
import { installOnce } from "./install-once.ts";

/**
 * The Go program in `emulators/<name>`, built; returns its full path. Takes up to a minute the first time, and again
 * when its sources have changed.
 *
 * @throws BrokerProblem if Go is missing or cannot build it
 */
export async function ensureGoProgram(name: EmulatorName, site: NativeSite): Promise<string> {
  const program = join(site.downloads, versionedName(name));
  const doing = `building ${name} with Go`;
  const isComplete = () => existsSync(program);
  const install = () => build(sourcesOf(name), program, site);
  await installOnce(program, { name, doing, isComplete, install }, site);
  return program;
}

async function build(
  sources: string,
  program: string,
  { downloads, environment }: NativeSite,
): Promise<void> {
  const go = findOnPath("go", environment);
  if (go === null) {
    throw new BrokerProblem(`Go ${oldestUsable.go} or newer is needed, and there is none`, {
      remedy: "install Go (https://go.dev/dl)",
    });
  }
  mkdirSync(downloads, { recursive: true });
  const partial = `${program}.partial`;
  await run(go, ["build", "-trimpath", "-mod=readonly", "-o", partial, "."], {
    cwd: sources,
    env: { ...environment, CGO_ENABLED: "0" },
  });
  renameSync(partial, program);
}
