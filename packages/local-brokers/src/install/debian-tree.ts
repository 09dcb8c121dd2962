import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BrokerProblem } from "../problem.ts";
import { findOnPath } from "../process/on-path.ts";
import { run, runAnyway } from "../process/run.ts";
import type { NativeSite } from "../recipe.ts";
import { pinned } from "../versions.ts";
import { installOnce } from "./install-once.ts";
import { folderInTree } from "./program.ts";

/** What the tree holds. Another list makes another tree. */
const packages = ["rabbitmq-server", "redis-server"];
const manifest = "waybill-packages";

/**
 * A folder with a small current Debian in it, for brokers whose packages on this computer are missing or too old.
 * Takes a minute the first time only, and about 230 MB on disk.
 *
 * @param wantedFor the program it is for, to say what to install instead where a tree cannot be made
 * @throws BrokerProblem where this computer cannot make one
 */
export async function ensureDebianTree(wantedFor: string, site: NativeSite): Promise<string> {
  const tree = join(site.downloads, `debian-${pinned.debianSuite}`);
  await checkRights(wantedFor);
  const installation = {
    name: "the Debian folder",
    doing: `making a Debian ${pinned.debianSuite} folder with ${packages.join(" and ")}`,
    isComplete: () => isComplete(tree),
    install: async () => make(tree, await ensureDebootstrap(site)),
  };
  await installOnce(tree, installation, site);
  return tree;
}

/** The upstream version of a package in the tree. */
export async function versionInTree(tree: string, name: string): Promise<string> {
  const [, version = ""] = (await run("chroot", [tree, "dpkg-query", "--show", name])).split("\t");
  return upstreamVersion(version);
}

/** `8.0.2` for Debian's `5:8.0.2-3+deb13u2`. */
export function upstreamVersion(debianVersion: string): string {
  return debianVersion
    .trim()
    .replace(/^\d+:/, "")
    .replace(/-[^-]*$/, "");
}

async function checkRights(wantedFor: string): Promise<void> {
  const remedy = `install ${wantedFor}, start a container engine, or name a running one by its WAYBILL_…_URL variable`;
  if (process.platform !== "linux" || process.getuid?.() !== 0) {
    throw new BrokerProblem(
      `${wantedFor} is not on PATH, and only root on Linux can make a Debian folder for it`,
      {
        remedy,
      },
    );
  }
  const trial = await runAnyway("unshare", ["--mount", "--propagation", "private", "true"]);
  if (trial.code !== 0) {
    throw new BrokerProblem(
      `${wantedFor} is not on PATH, and this root may not mount a Debian folder for it`,
      {
        remedy: `${remedy}; in a container, run it privileged`,
        log: trial.output,
      },
    );
  }
}

/** The folder gets its name only when it is whole. */
function isComplete(tree: string): boolean {
  const file = join(tree, manifest);
  return existsSync(file) && readFileSync(file, "utf8") === packages.join("\n");
}

async function ensureDebootstrap(site: NativeSite): Promise<string> {
  const present = findOnPath("debootstrap", site.environment);
  if (present !== null) return present;
  const apt = findOnPath("apt-get", site.environment);
  if (apt === null) {
    throw new BrokerProblem("`debootstrap` is needed, and this system has no apt-get to install it with", {
      remedy: "install debootstrap with the system's package manager",
    });
  }
  const env = { ...site.environment, DEBIAN_FRONTEND: "noninteractive" };
  await site.progress.during("installing debootstrap with apt-get", async () => {
    // One source that cannot be reached must not matter: if it does, the installation says so.
    await runAnyway(apt, ["update"], { env });
    const wanted = ["debootstrap", "debian-archive-keyring"];
    await run(apt, ["install", "--yes", "--no-install-recommends", ...wanted], { env });
  });
  return findOnPath("debootstrap", site.environment) ?? "debootstrap";
}

async function make(tree: string, debootstrap: string): Promise<void> {
  const partial = `${tree}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const what = ["--variant=minbase", `--include=${packages.join(",")}`, pinned.debianSuite, partial];
  // debootstrap mounts /proc in the folder; in a mount namespace of its own, none is left if it is interrupted.
  await run("unshare", ["--mount", "--propagation", "private", debootstrap, ...what]);
  for (const leftOver of ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man"]) {
    rmSync(join(partial, leftOver), { recursive: true, force: true });
  }
  mkdirSync(join(partial, folderInTree), { recursive: true });
  writeFileSync(join(partial, manifest), packages.join("\n"));
  rmSync(tree, { recursive: true, force: true });
  renameSync(partial, tree);
}
