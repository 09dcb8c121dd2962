import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { BrokerProblem } from "../problem.ts";
import { findOnPath } from "../process/on-path.ts";
import { run } from "../process/run.ts";
import type { NativeSite } from "../recipe.ts";
import { type EmulatorName, sourcesOf, versionedName } from "./emulator-sources.ts";
import { installOnce } from "./install-once.ts";

const files = ["package.json", "package-lock.json"];

/**
 * A program that comes as an npm package, installed as its lockfile in `emulators/` says; returns the package's own
 * folder. It is no dependency of this package, so only those who start the broker download it. Takes a while the
 * first time only.
 *
 * @throws BrokerProblem if npm is missing or cannot get it
 */
export async function ensureNpmPackage(name: EmulatorName, site: NativeSite): Promise<string> {
  const folder = join(site.downloads, versionedName(name));
  const doing = `downloading ${name} with npm`;
  // The folder gets its name only when the installation is whole.
  const isComplete = () => existsSync(folder);
  await installOnce(folder, { name, doing, isComplete, install: () => install(folder, name, site) }, site);
  return join(folder, "node_modules", name);
}

async function install(folder: string, name: EmulatorName, { environment }: NativeSite): Promise<void> {
  const npm = findOnPath("npm", environment);
  if (npm === null) {
    throw new BrokerProblem(`npm is needed to download ${name}, and is not on PATH`, {
      remedy: "install Node.js with npm",
    });
  }
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  for (const file of files) copyFileSync(join(sourcesOf(name), file), join(partial, file));
  // npm looks for `node` on PATH, where an older one than this may come first.
  const path = [dirname(process.execPath), environment.PATH ?? ""].join(delimiter);
  const quietly = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];
  await run(npm, ["ci", "--prefix", partial, "--ignore-scripts", ...quietly], {
    cwd: partial,
    env: { ...environment, PATH: path },
  });
  renameSync(partial, folder);
}
