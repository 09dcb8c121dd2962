import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The programs of which this package has the sources or the lockfile, in `emulators/`. */
export type EmulatorName = "fauxqs" | "azurite" | "pstest";

/** The folder of this package with the sources of an emulator. */
export function sourcesOf(name: EmulatorName): string {
  return fileURLToPath(new URL(`../../emulators/${name}`, import.meta.url));
}

/**
 * Its name with a checksum of its sources. What is made of other sources lies beside it, and so is never replaced
 * while somebody runs it.
 */
export function versionedName(name: EmulatorName): string {
  const sources = sourcesOf(name);
  const hash = createHash("sha256");
  for (const file of readdirSync(sources).sort()) hash.update(file).update(readFileSync(join(sources, file)));
  return `${name}-${hash.digest("hex").slice(0, 12)}`;
}
