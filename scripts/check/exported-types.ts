import { dirname, join } from "node:path/posix";
import { exportsOf, importedBy } from "./syntax.ts";
import { typesNamedBy } from "./type-names.ts";

/** Something declared in a file at its top. */
interface Declared {
  readonly path: string;
  readonly name: string;
}

/** A module that others import, and those that they can import as well. */
export interface Entry {
  readonly path: string;
  readonly beside?: readonly string[];
}

/**
 * Which types are named by what these entries export, and can be imported from none that their users have.
 * `exceptions` are types that nobody needs to name, as `path Name`, each with its reason.
 */
export function exportedTypeProblems(
  texts: ReadonlyMap<string, string>,
  entries: readonly Entry[],
  exceptions: Readonly<Record<string, string>> = {},
): readonly string[] {
  const problems = new Set<string>();
  const needed = new Set<string>();
  for (const { path, beside = [] } of entries) {
    const exported = exportedFrom(texts, path);
    const others = beside.flatMap((each) => exportedFrom(texts, each));
    const present = new Set([...exported, ...others].map(idOf));
    for (const each of exported) {
      for (const named of namedBy(texts, each)) {
        const id = idOf(named);
        if (present.has(id)) continue;
        if (exceptions[id] !== undefined) needed.add(id);
        else
          problems.add(
            `${path} exports ${each.name} but not ${named.name} of ${named.path}, which that names`,
          );
      }
    }
  }
  const stale = Object.keys(exceptions).filter((id) => !needed.has(id));
  return [...problems, ...stale.map((id) => `${id} need not be an exception`)];
}

function exportedFrom(texts: ReadonlyMap<string, string>, entry: string): readonly Declared[] {
  const names = exportsOf(entry, texts.get(entry) ?? "").map(({ name }) => name);
  return names.flatMap((name) => declarationOf(texts, entry, name) ?? []);
}

function idOf({ path, name }: Declared): string {
  return `${path} ${name}`;
}

/** The declarations, of these files, that the types of a declaration name. What is global or of a package is everyone's. */
function namedBy(texts: ReadonlyMap<string, string>, { path, name }: Declared): readonly Declared[] {
  const names = typesNamedBy(path, texts.get(path) ?? "").get(name) ?? [];
  return names.flatMap((each) => declarationOf(texts, path, each) ?? []);
}

/** Where a name that a file uses, or exports, is declared. */
function declarationOf(texts: ReadonlyMap<string, string>, path: string, name: string): Declared | undefined {
  const text = texts.get(path);
  if (text === undefined) return undefined;
  if (typesNamedBy(path, text).has(name)) return { path, name };
  const through =
    importedBy(path, text).find((each) => each.name === name) ??
    exportsOf(path, text).find((each) => each.name === name && each.from !== undefined);
  if (through?.from?.startsWith(".") !== true) return undefined;
  return declarationOf(texts, join(dirname(path), through.from), through.imported);
}
