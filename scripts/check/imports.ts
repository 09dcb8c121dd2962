import { isBuiltin } from "node:module";
import { files, type Package, packages, read } from "../workspace.ts";
import type { Step } from "./step.ts";

/** `from "…"`, `import "…"` and `import("…")`; group 1 tells whether only types are imported. */
const importing =
  /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;"]*?\bfrom\s+"([^"]+)"|\bimport\s*\(?\s*"([^"]+)"/g;

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

export const imports: Step = {
  title: "Imports: examples → adapters → @waybill/core/spi, and core on nothing",
  run: async () => [
    ...packages.flatMap(manifestProblems),
    ...packages.flatMap((owner) => importsIn(`packages/${owner.folder}/src/**/*.ts`).flatMap(judge(owner))),
    ...importsIn("examples/**/*.ts").flatMap(judgeExample),
  ],
};

function manifestProblems({ folder, manifest, isAdapter }: Package): readonly string[] {
  const path = `packages/${folder}/package.json`;
  const own = Object.keys(manifest.dependencies ?? {});
  if (folder === "core" && own.length > 0)
    return [`${path}: core has no dependencies, but names ${own.join(", ")}`];
  if (!isAdapter) return [];
  const ours = own.filter((name) => name.startsWith("@waybill/"));
  const problems = ours.map((name) => `${path}: an adapter does not depend on ${name}`);
  if (manifest.peerDependencies?.["@waybill/core"] === undefined) {
    problems.push(`${path}: @waybill/core must be a peer dependency`);
  }
  return problems;
}

function importsIn(pattern: string): readonly Import[] {
  const sources = files(pattern).filter((path) => !path.endsWith(".test.ts"));
  return sources.flatMap((file) =>
    [...read(file).matchAll(importing)].map((match) => ({
      file,
      specifier: match[2] ?? match[3] ?? "",
      typeOnly: match[1] !== undefined,
    })),
  );
}

function judge(owner: Package): (found: Import) => readonly string[] {
  return ({ file, specifier, typeOnly }) => {
    if (specifier.startsWith(".")) return leavesThePackage(file, specifier, owner);
    if (owner.folder === "core") return [`${file} imports ${specifier}: core imports nothing`];
    if (isNodeModule(specifier)) return [];
    if (!owner.isAdapter)
      return isDeclared(owner, specifier) ? [] : [`${file} imports undeclared ${specifier}`];
    if (specifier === "@waybill/core/spi") return [];
    if (specifier === "@waybill/conformance" && typeOnly && file.endsWith("/src/conformance.ts")) return [];
    if (specifier.startsWith("@waybill/")) {
      return [`${file} imports ${specifier}: an adapter may import only @waybill/core/spi`];
    }
    return isDeclared(owner, specifier) ? [] : [`${file} imports undeclared ${specifier}`];
  };
}

function judgeExample({ file, specifier }: Import): readonly string[] {
  const allowed =
    (specifier.startsWith(".") && !specifier.includes("packages/")) ||
    isNodeModule(specifier) ||
    ["@waybill/core", "zod"].includes(specifier) ||
    file.startsWith("examples/test/") ||
    packages.some(({ isAdapter, manifest }) => isAdapter && manifest.name === specifier);
  return allowed
    ? []
    : [`${file} imports ${specifier}: examples use core and adapters, as an application would`];
}

function leavesThePackage(file: string, specifier: string, owner: Package): readonly string[] {
  const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
  return target.startsWith(`packages/${owner.folder}/`) ? [] : [`${file} reaches into ${target}`];
}

function isDeclared({ manifest }: Package, specifier: string): boolean {
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  return Object.keys(declared).some((name) => specifier === name || specifier.startsWith(`${name}/`));
}

function isNodeModule(specifier: string): boolean {
  return specifier.startsWith("node:") && isBuiltin(specifier);
}
