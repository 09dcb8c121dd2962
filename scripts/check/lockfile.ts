import { files, read } from "../workspace.ts";
import type { Step } from "./step.ts";

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What npm leaves out when it could not look something up makes `npm ci` fail, on this platform or on another. */
export const lockfile: Step = {
  title: "Lockfiles: complete for every platform, and silent on where packages come from",
  run: async () => files("package-lock.json", "packages/*/emulators/*/package-lock.json").flatMap(problemsOf),
};

function problemsOf(lockfile: string): readonly string[] {
  const { packages }: { packages: Record<string, Locked> } = JSON.parse(read(lockfile));
  // These are installed on users' computers, where nobody would see that npm had nothing to compare with.
  const isEmulator = lockfile.includes("/emulators/");
  const problems: string[] = [];
  for (const [path, { resolved, integrity, optionalDependencies = {} }] of Object.entries(packages)) {
    if (resolved?.includes("://")) problems.push(`${path} says where it was downloaded from`);
    if (isEmulator && path !== "" && integrity === undefined) problems.push(`${path} has no checksum`);
    for (const name of Object.keys(optionalDependencies)) {
      const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
      if (!places.some((place) => packages[place]))
        problems.push(`${path} needs ${name}, which is not locked`);
    }
  }
  return problems.map((problem) => `${lockfile}: ${problem}`);
}
