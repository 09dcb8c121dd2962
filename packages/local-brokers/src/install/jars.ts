import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BrokerProblem } from "../problem.ts";
import { findOnPath } from "../process/on-path.ts";
import { run } from "../process/run.ts";
import type { NativeSite } from "../recipe.ts";
import { installOnce } from "./install-once.ts";
import { type MavenArtifact, pom } from "./maven-pom.ts";

/**
 * Jars and all they need, in `<downloads>/<name>/libs`; returns that folder. Takes a while the first time only.
 *
 * @throws BrokerProblem if Maven is missing or cannot get them
 */
export async function ensureJars(
  name: string,
  artifacts: readonly MavenArtifact[],
  site: NativeSite,
): Promise<string> {
  const folder = join(site.downloads, name);
  const wanted = pom(artifacts);
  const installation = {
    name,
    doing: `downloading ${name}, 45 MB, with Maven`,
    isComplete: () => isComplete(folder, wanted),
    install: () => download(folder, wanted, site.environment),
  };
  await installOnce(folder, installation, site);
  return join(folder, "libs");
}

/** The folder gets its name only when the download is whole; another version or list has another pom. */
function isComplete(folder: string, wanted: string): boolean {
  const file = join(folder, "pom.xml");
  return existsSync(file) && readFileSync(file, "utf8") === wanted;
}

async function download(folder: string, wanted: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const maven = findOnPath("mvn", environment);
  if (maven === null) {
    throw new BrokerProblem("Maven (`mvn`) is needed to download the jars, and is not on PATH", {
      remedy: "install it: `apt-get install maven` or `brew install maven`",
    });
  }
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  writeFileSync(join(partial, "pom.xml"), wanted);
  const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=libs"];
  await run(maven, ["-q", "-B", "-Dstyle.color=never", ...goal], { cwd: partial, env: environment });
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
}
