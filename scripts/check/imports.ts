import { type Package, packages, root, files as workspaceFiles } from "../workspace.ts";
import { circlesIn, type Import, importsOf } from "./import-graph.ts";
import type { Step } from "./step.ts";

/** The folders of core, lowest first: none imports one of a later row, nor another one of its own row. */
const coreOrder: readonly (readonly string[])[] = [
  ["runtime"],
  ["errors"],
  ["spi"],
  ["api"],
  ["policies", "connection"],
  ["publishing"],
  ["consuming"],
  ["requests", "redriving"],
  ["client"],
  ["index.ts"],
];

/** What `@waybill/core/spi` may take from: it is what adapters see of core. */
const coreSource = "packages/core/src/";
const coreSpi = `${coreSource}spi/index.ts`;

export const imports: Step = {
  title: "Imports: examples → adapters → @waybill/core/spi, core in one order, no circles",
  run: async () => {
    const sources = workspaceFiles("packages/*/{src,test}/**/*.ts", "examples/**/*.ts");
    return [...packages.flatMap(manifestProblems), ...importProblems(importsOf(root, sources), packages)];
  },
};

/** What is wrong with these imports. */
export function importProblems(found: readonly Import[], known: readonly Package[]): readonly string[] {
  return [
    ...found
      .filter((one) => !one.found)
      .map(({ file, specifier }) => `${file} imports ${specifier}, which is not there`),
    ...found
      .filter(({ found, specifier }) => found || !specifier.startsWith("."))
      .flatMap((one) => judge(one, known)),
    ...circlesIn(found).map(
      (circle) => `These files import each other in a circle: ${[...circle, circle[0]].join(" → ")}`,
    ),
  ];
}

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

function judge(found: Import, known: readonly Package[]): readonly string[] {
  const [place, folder, part] = found.file.split("/");
  if (place === "examples") return judgeExample(found, known);
  // Tests may reach for what they need; that they form no circle is all that is asked of them.
  if (part !== "src" || found.file.endsWith(".test.ts")) return [];
  const owner = known.find((one) => one.folder === folder);
  if (owner === undefined) return [];
  const { file, specifier, target } = found;
  const own = `packages/${owner.folder}/`;
  if (specifier.startsWith(".") && target !== undefined && !target.startsWith(own)) {
    return [`${file} reaches into ${target}`];
  }
  if (owner.folder === "core") return judgeCore(found);
  if (target?.startsWith(own)) return [];
  if (owner.isAdapter && (target !== undefined || specifier.startsWith("@waybill/")))
    return judgeAdapter(found);
  // What is not published may compare an adapter with its vendor's client.
  const isPublished = owner.manifest.private !== true;
  const adapter = known.find((one) => isPublished && one.isAdapter && isOf(one, found));
  if (adapter !== undefined && specifier !== `${adapter.manifest.name}/mapping`) {
    return [`${file} imports ${specifier}: of an adapter, packages on top may import only ./mapping`];
  }
  return isNodeModule(specifier) || isDeclared(owner, specifier)
    ? []
    : [`${file} imports ${specifier}, which its package.json does not name`];
}

/** `@waybill/core/spi` and nothing else of ours; for the conformance target the types of the suite. */
function judgeAdapter({ file, specifier, target, typeOnly }: Import): readonly string[] {
  // Where the installed packages are links to elsewhere, only the specifier tells.
  if (target === undefined ? specifier === "@waybill/core/spi" : target === coreSpi) return [];
  const isSuite =
    target === undefined ? specifier === "@waybill/conformance" : target.startsWith("packages/conformance/");
  if (isSuite && typeOnly && file.endsWith("/src/conformance.ts")) return [];
  return [`${file} imports ${specifier}: an adapter may import only @waybill/core/spi`];
}

function judgeCore({ file, specifier, target }: Import): readonly string[] {
  if (target === undefined) return [`${file} imports ${specifier}: core imports nothing`];
  const from = placeInCore(file);
  const to = placeInCore(target);
  if (from.name === to.name) return [];
  if (from.row === -1) return [`${file}: core has no folder ${from.name} in the agreed order`];
  if (to.row === -1 || to.row < from.row) return [];
  return [`${file} imports ${target}: in core, ${from.name} comes before ${to.name}`];
}

/** The folder of core that a file is in, or its name where it is in none, and the row of the order. */
function placeInCore(path: string): { readonly name: string; readonly row: number } {
  const [name = ""] = path.slice(coreSource.length).split("/");
  return { name, row: coreOrder.findIndex((row) => row.includes(name)) };
}

function judgeExample({ file, specifier, target }: Import, known: readonly Package[]): readonly string[] {
  const adapters = known.filter(({ isAdapter }) => isAdapter).map(({ manifest }) => manifest.name);
  const allowed =
    file.startsWith("examples/test/") ||
    target?.startsWith("examples/") ||
    isNodeModule(specifier) ||
    ["@waybill/core", "zod", ...adapters].includes(specifier);
  return allowed
    ? []
    : [`${file} imports ${specifier}: examples use core and adapters, as an application would`];
}

function isOf({ folder, manifest }: Package, { specifier, target }: Import): boolean {
  if (target !== undefined) return target.startsWith(`packages/${folder}/`);
  return specifier === manifest.name || specifier.startsWith(`${manifest.name}/`);
}

function isDeclared({ manifest }: Package, specifier: string): boolean {
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  return Object.keys(declared).some((name) => specifier === name || specifier.startsWith(`${name}/`));
}

function isNodeModule(specifier: string): boolean {
  return specifier.startsWith("node:");
}
