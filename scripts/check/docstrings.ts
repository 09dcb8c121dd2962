import { dirname, join } from "node:path/posix";
import { files, packages, read } from "../workspace.ts";
import type { Step } from "./step.ts";
import { declarationsIn, exportsOf } from "./syntax.ts";

export const docstrings: Step = {
  title: "Docstrings: every export of core and the adapters has one",
  run: async () => {
    const owners = packages.filter(({ folder, isAdapter }) => folder === "core" || isAdapter);
    const paths = files("packages/**/*.ts").filter((path) =>
      owners.some(({ folder }) => path.startsWith(`packages/${folder}/src/`)),
    );
    const entries = owners.flatMap(({ folder }) =>
      ["index.ts", "spi/index.ts", "testing.ts", "mapping.ts", "options.ts", "capabilities.ts"].map(
        (name) => `packages/${folder}/src/${name}`,
      ),
    );
    const texts = new Map(paths.map((path) => [path, read(path)] as const));
    return docstringProblems(
      texts,
      entries.filter((path) => texts.has(path)),
    );
  },
};

/** Which exports of these entry files have no docstring where they are declared. */
export function docstringProblems(
  texts: ReadonlyMap<string, string>,
  entries: readonly string[],
): readonly string[] {
  const problems = new Set<string>();
  const visit = (path: string, name: string): void => {
    const text = texts.get(path);
    if (text === undefined) return;
    const own = declarationsIn(path, text).filter((each) => each.name === name);
    const [first] = own;
    if (first !== undefined) {
      if (!own.some(({ isDescribed }) => isDescribed))
        problems.add(`${path}:${first.line}: ${name} is exported and has no docstring`);
      return;
    }
    const through = exportsOf(path, text).find((each) => each.name === name);
    if (through?.from?.startsWith(".")) visit(join(dirname(path), through.from), through.imported);
  };
  for (const path of entries)
    for (const { name } of exportsOf(path, texts.get(path) ?? "")) visit(path, name);
  return [...problems];
}
