import { files, packages, read, root } from "../workspace.ts";
import {
  adapterClassPrefix,
  adapterEntries,
  adapterFiles,
  adapterFolders,
  readmeSections,
} from "./adapter-layout.ts";
import { extraAdapterFiles, extraExports, longFiles } from "./allowances.ts";
import { type Import, importsOf } from "./import-graph.ts";
import type { Step } from "./step.ts";
import { exportedBy, staticMethodsIn } from "./syntax.ts";

const longest = 300;
const namesThatSayNothing = /(^|\/)(utils?|common|misc|helpers?)(\/|\.|$)/;

export const layout: Step = {
  title: "Layout: where things are and what they are called",
  run: async () => [
    ...packages
      .filter(({ manifest }) => manifest.private !== true)
      .flatMap(({ folder }) => whatPublishingNeeds(folder)),
    ...packages.filter(({ isAdapter }) => isAdapter).flatMap(({ folder }) => adapterLayout(folder)),
    ...sources().flatMap(nameAndLength),
    ...staleAllowances(),
  ],
};

function sources(): readonly string[] {
  return files("packages/*/{src,test}/**/*.ts", "examples/**/*.ts", "scripts/**/*.ts", "*.ts");
}

function whatPublishingNeeds(folder: string): readonly string[] {
  return ["README.md", "LICENSE", "tsconfig.json", "tsconfig.build.json"]
    .filter((name) => files(`packages/${folder}/${name}`).length === 0)
    .map((name) => `packages/${folder}/${name} is missing`);
}

function adapterLayout(folder: string): readonly string[] {
  const source = `packages/${folder}/src/`;
  const paths = files(`${source}**/*.ts`).filter((path) => !path.endsWith(".test.ts"));
  const present = new Map(paths.map((path) => [path.slice(source.length), read(path)]));
  return [
    ...adapterFileProblems(folder, present),
    ...mappingProblems(`${source}mapping.ts`, importsOf(root, paths)),
    ...entryProblems(folder),
    ...readmeProblems(`packages/${folder}/README.md`),
  ];
}

/** What is wrong with an adapter's files, given by their path in `src/`. */
export function adapterFileProblems(folder: string, present: ReadonlyMap<string, string>): readonly string[] {
  const source = `packages/${folder}/src/`;
  const prefix = adapterClassPrefix(folder);
  const problems: string[] = [];
  for (const [name, exportsOf] of Object.entries(adapterFiles)) {
    const text = present.get(name);
    if (text === undefined) {
      problems.push(`${source}${name} is missing: every adapter has the same files`);
      continue;
    }
    const exported = exportedBy(name, text);
    const absent = exportsOf(prefix).filter((wanted) => !exported.includes(wanted));
    problems.push(...absent.map((wanted) => `${source}${name} does not export ${wanted}`));
    if (name === "index.ts") {
      const wanted = [...exportsOf(prefix), ...(extraExports[folder] ?? [])];
      const extra = exported.filter((one) => !wanted.includes(one));
      problems.push(
        ...extra.map((one) => `${source}${name} exports ${one}: it holds the factory and the adapter`),
      );
    }
    if (name === "connection.ts" && !staticMethodsIn(name, text).includes(`${prefix}Connection.open`)) {
      problems.push(`${source}${name}: ${prefix}Connection has no static method open`);
    }
  }
  const agreed = [...Object.keys(adapterFiles), ...adapterFolders.map((name) => `${name}/`)];
  for (const name of present.keys()) {
    const isAgreed =
      agreed.some((entry) => covers(entry, name)) || isAllowed(source + name, extraAdapterFiles);
    if (!isAgreed)
      problems.push(`${source}${name} is neither one of the agreed files nor in one of the agreed folders`);
  }
  return problems;
}

/** A mapping is pure: neither it nor what it imports knows the vendor's client, by a type either. */
export function mappingProblems(mapping: string, imports: readonly Import[]): readonly string[] {
  const reached = [mapping];
  const problems: string[] = [];
  for (const file of reached) {
    for (const one of imports.filter((each) => each.file === file)) {
      if (one.specifier.startsWith(".")) {
        if (one.target !== undefined && !reached.includes(one.target)) reached.push(one.target);
      } else if (!one.specifier.startsWith("node:") && one.specifier !== "@waybill/core/spi") {
        problems.push(`${mapping} must be free of ${one.specifier}, which ${file} imports`);
      }
    }
  }
  return problems;
}

function entryProblems(folder: string): readonly string[] {
  const path = `packages/${folder}/package.json`;
  const { exports = {} }: { exports?: Readonly<Record<string, unknown>> } = JSON.parse(read(path));
  return adapterEntries
    .filter((entry) => !Object.hasOwn(exports, entry))
    .map((entry) => `${path} does not export "${entry}"`);
}

function readmeProblems(path: string): readonly string[] {
  if (files(path).length === 0) return [];
  const sections = [...read(path).matchAll(/^## (.+)$/gm)].map((match) => match[1]);
  if (sections.join() === readmeSections.join()) return [];
  return [
    `${path} has the sections ${sections.join(", ") || "(none)"}; it needs ${readmeSections.join(", ")}`,
  ];
}

function nameAndLength(path: string): readonly string[] {
  const problems: string[] = [];
  if (namesThatSayNothing.test(path)) problems.push(`${path}: name it for what it is about`);
  const lines = lineCount(path);
  if (lines > longest && !isAllowed(path, longFiles)) {
    problems.push(`${path} has ${lines} lines: split it, or give a reason in scripts/check/allowances.ts`);
  }
  return problems;
}

/** An entry is a file, or a folder with all in it when it ends with a slash. */
function isAllowed(path: string, allowances: Readonly<Record<string, string>>): boolean {
  return Object.keys(allowances).some((entry) => covers(entry, path));
}

function covers(entry: string, path: string): boolean {
  return entry.endsWith("/") ? path.startsWith(entry) : path === entry;
}

function staleAllowances(): readonly string[] {
  const present = sources();
  const long = present.filter((path) => lineCount(path) > longest);
  const stale = [
    ...Object.keys(extraAdapterFiles).filter((entry) => !present.some((path) => covers(entry, path))),
    ...Object.keys(longFiles).filter((entry) => !long.some((path) => covers(entry, path))),
  ];
  return stale.map((entry) => `scripts/check/allowances.ts need not name ${entry} any more`);
}

function lineCount(path: string): number {
  return read(path).trimEnd().split("\n").length;
}
