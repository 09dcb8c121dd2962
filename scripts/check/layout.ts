import { files, packages, read } from "../workspace.ts";
import { extraAdapterFiles, longFiles } from "./allowances.ts";
import type { Step } from "./step.ts";

const adapterFiles = [
  "index",
  "options",
  "capabilities",
  "connection",
  "consumer",
  "topology",
  "mapping",
  "errors",
  "conformance",
];

const readmeSections = ["Install", "Use", "Mapping", "Delivery semantics", "Limits", "Native access"];

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
  const present = files(`${source}**/*.ts`).filter((path) => !path.endsWith(".test.ts"));
  const agreed = adapterFiles.map((name) => `${source}${name}.ts`);
  const missing = agreed.filter((path) => !present.includes(path));
  const extra = present.filter((path) => !agreed.includes(path) && !isAllowed(path, extraAdapterFiles));
  return [
    ...missing.map((path) => `${path} is missing: every adapter has the same files`),
    ...extra.map((path) => `${path} is not in the agreed list: give a reason in scripts/check/allowances.ts`),
    ...readmeProblems(`packages/${folder}/README.md`),
  ];
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
