import { Visitor } from "oxc-parser";
import { lines, type Piece, parsed } from "./syntax.ts";

/** What an application may set, and where that is declared. */
export interface OptionName extends Piece {
  /** The interface, type or table. */
  readonly owner: string;
}

/**
 * The members of interfaces and types whose names end in Options, Policy, Settings or Config, those of the objects
 * within them included, and the keys of an adapter's `optionTable`.
 */
export function optionNamesIn(path: string, source: string): readonly OptionName[] {
  const owners: { readonly name: string; readonly start: number; readonly end: number }[] = [];
  const found: OptionName[] = [];
  const lineAt = lines(source);
  const addOwner = (name: string, { start, end }: { readonly start: number; readonly end: number }) => {
    if (/(Options|Policy|Settings|Config)$/.test(name)) owners.push({ name, start, end });
  };
  const add = ({
    key,
    start,
  }: {
    readonly key: { type: string; name?: unknown; value?: unknown };
    start: number;
  }) => {
    const text = key.type === "Identifier" ? key.name : key.value;
    const owner = owners.find((each) => each.start <= start && start < each.end);
    if (owner !== undefined && typeof text === "string")
      found.push({ owner: owner.name, text, line: lineAt(start) });
  };
  const { program } = parsed(path, source);
  new Visitor({
    TSInterfaceDeclaration: (node) => addOwner(node.id.name, node),
    TSTypeAliasDeclaration: (node) => addOwner(node.id.name, node),
    VariableDeclarator(node) {
      if (node.id.type === "Identifier" && node.id.name === "optionTable")
        owners.push({ name: node.id.name, start: node.start, end: node.end });
    },
  }).visit(program);
  if (owners.length === 0) return [];
  new Visitor({ TSPropertySignature: add, TSMethodSignature: add, Property: add }).visit(program);
  return found;
}
