import { fileURLToPath } from "node:url";

/** What stands in for a broker that has no program of its own to download; sources and lockfiles, in `stand-ins/`. */
export type StandInName = "fauxqs" | "azurite" | "pstest";

/** The folder of this package with the sources of a stand-in. */
export function sourcesOf(name: StandInName): string {
  return fileURLToPath(new URL(`../../stand-ins/${name}`, import.meta.url));
}
