import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative } from "node:path";
import { ResolverFactory } from "oxc-resolver";
import { modulesNamedIn } from "./syntax.ts";

/** One file naming another, types included. */
export interface Import {
  /** The importing file, from the root. */
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** The file of this repository that it leads to, from the root; `undefined` for Node's own and for what is installed. */
  readonly target: string | undefined;
  /** Whether it leads anywhere. */
  readonly found: boolean;
}

/** Each import of these files, resolved as Node and TypeScript resolve it: by `exports`, conditions and links. */
export function importsOf(root: string, files: readonly string[]): readonly Import[] {
  const resolver = new ResolverFactory({
    conditionNames: ["@waybill/source", "node", "import", "types"],
    extensions: [".ts", ".js", ".json"],
    builtinModules: true,
  });
  return files.flatMap((file) => {
    const path = join(root, file);
    return modulesNamedIn(path, readFileSync(path, "utf8")).map(({ specifier, typeOnly }) => {
      const { path: resolved } = resolver.sync(dirname(path), specifier);
      const target = resolved === undefined ? undefined : relative(root, resolved);
      const isOurs = target !== undefined && !target.startsWith("..") && !target.includes("node_modules/");
      return {
        file,
        specifier,
        typeOnly,
        target: isOurs ? target : undefined,
        found: target !== undefined || isBuiltin(specifier),
      };
    });
  });
}

/** Circles of files, each told once, from the file that comes first in the alphabet. */
export function circlesIn(imports: readonly Import[]): readonly (readonly string[])[] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of imports) {
    if (target !== undefined) targets.set(file, [...(targets.get(file) ?? []), target]);
  }
  const circles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const place = path.indexOf(file);
    if (place !== -1) {
      circles.push(path.slice(place));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of targets.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of [...targets.keys()].sort()) visit(file);
  return circles;
}
