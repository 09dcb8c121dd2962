import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { BrokerProblem } from "../problem.ts";
import { withLock } from "../process/lock.ts";
import { findOnPath } from "../process/on-path.ts";
import { run } from "../process/run.ts";
import type { NativeSite } from "../recipe.ts";
import { type StandInName, sourcesOf } from "./stand-in.ts";

const files = ["package.json", "package-lock.json"];

/**
 * A program that comes as an npm package, installed as its lockfile in `stand-ins/` says; returns the package's own
 * folder. It is no dependency of this package, so only those who start the broker download it. Takes a while the
 * first time only.
 *
 * @throws BrokerProblem if npm is missing or cannot get it
 */
export async function ensureNpmPackage(name: StandInName, site: NativeSite): Promise<string> {
  const folder = join(site.downloads, name);
  await withLock(
    `${folder}.lock`,
    async () => {
      if (isComplete(folder, name)) return;
      await site.progress.during(`downloading ${name} with npm (once)`, () => install(folder, name, site));
    },
    (holder) => site.progress.say(`waiting for ${name}, which ${holder} is downloading`),
  );
  return join(folder, "node_modules", name);
}

/** The folder gets its name only when the installation is whole; another version has another lockfile. */
function isComplete(folder: string, name: StandInName): boolean {
  return files.every((file) => {
    const installed = join(folder, file);
    return existsSync(installed) && readFileSync(installed).equals(readFileSync(join(sourcesOf(name), file)));
  });
}

async function install(folder: string, name: StandInName, { environment }: NativeSite): Promise<void> {
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
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}
