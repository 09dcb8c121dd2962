import { read } from "../workspace.ts";
import type { Step } from "./step.ts";

interface Locked {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What npm leaves out when it could not look something up makes `npm ci` fail, on this platform or on another. */
export const lockfile: Step = {
  title: "Lockfile: complete for every platform, and silent on where packages come from",
  async run() {
    const { packages }: { packages: Record<string, Locked> } = JSON.parse(read("package-lock.json"));
    const problems: string[] = [];
    for (const [path, { resolved, optionalDependencies = {} }] of Object.entries(packages)) {
      if (resolved?.includes("://")) problems.push(`${path} says where it was downloaded from`);
      for (const name of Object.keys(optionalDependencies)) {
        const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
        if (!places.some((place) => packages[place]))
          problems.push(`${path} needs ${name}, which is not locked`);
      }
    }
    return problems;
  },
};
