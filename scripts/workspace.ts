import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export const root = join(import.meta.dirname, "..");

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface Package {
  /** The folder under `packages/`. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly isAdapter: boolean;
}

/** The packages that are no adapters; every other folder is one, so that a new adapter is held to the rules at once. */
const others = ["core", "conformance", "cli", "event-hubs-emulator", "local-brokers", "bench"];

export const packages: readonly Package[] = readdirSync(join(root, "packages"))
  .filter((folder) => existsSync(join(root, "packages", folder, "package.json")))
  .sort()
  .map((folder) => ({
    folder,
    manifest: JSON.parse(read(`packages/${folder}/package.json`)),
    isAdapter: !others.includes(folder),
  }));

/** The text of a file, by its path from the root. */
export function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Files by pattern, as paths from the root; nothing that is built or installed. */
export function files(...patterns: string[]): readonly string[] {
  const found = globSync(patterns, {
    cwd: root,
    exclude: (name) => ["node_modules", "dist", ".turbo", ".cache"].includes(name),
  });
  return found.map((path) => relative(root, join(root, path))).sort();
}
