import { type ParseResult, Visitor } from "oxc-parser";
import { parsed } from "./syntax.ts";

type Statement = ParseResult["program"]["body"][number];

const known = new Map<
  string,
  { readonly source: string; readonly names: ReadonlyMap<string, readonly string[]> }
>();

/**
 * What a file declares at its top, and for each of these the types that whoever uses it can see: members, parameters,
 * results and what it extends. Not what is within a function's body or a private member, nor its own type parameters.
 */
export function typesNamedBy(path: string, source: string): ReadonlyMap<string, readonly string[]> {
  const before = known.get(path);
  if (before?.source === source) return before.names;
  const names = new Map<string, readonly string[]>();
  const { program } = parsed(path, source);
  for (const statement of program.body) {
    for (const name of declaredBy(statement))
      names.set(name, [...new Set([...(names.get(name) ?? []), ...typesIn(statement)])]);
  }
  known.set(path, { source, names });
  return names;
}

function declaredBy(statement: Statement): readonly string[] {
  const declared =
    statement.type === "ExportNamedDeclaration" && statement.declaration !== null
      ? statement.declaration
      : statement;
  if (declared.type === "VariableDeclaration")
    return declared.declarations.flatMap(({ id }) => (id.type === "Identifier" ? [id.name] : []));
  return "id" in declared && declared.id?.type === "Identifier" ? [declared.id.name] : [];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function typesIn(statement: Statement): readonly string[] {
  const found: { readonly name: string; readonly start: number }[] = [];
  const hidden: Span[] = [];
  const parameters = new Set<string>();
  const add = (node: { readonly type: string; readonly start: number; readonly name?: unknown }) => {
    if (node.type === "Identifier" && typeof node.name === "string")
      found.push({ name: node.name, start: node.start });
  };
  new Visitor({
    TSTypeReference: ({ typeName }) => add(typeName),
    TSTypeQuery: ({ exprName }) => add(exprName),
    TSInterfaceHeritage: ({ expression }) => add(expression),
    TSClassImplements: ({ expression }) => add(expression),
    ClassDeclaration({ superClass }) {
      if (superClass !== null) add(superClass);
    },
    TSTypeParameter: ({ name }) => void parameters.add(name.name),
    BlockStatement: (body) => void hidden.push(body),
    VariableDeclarator({ init }) {
      if (init !== null) hidden.push(init);
    },
    PropertyDefinition({ key, value, accessibility, start, end }) {
      if (key.type === "PrivateIdentifier" || accessibility === "private") hidden.push({ start, end });
      else if (value !== null) hidden.push(value);
    },
    MethodDefinition({ key, accessibility, start, end }) {
      if (key.type === "PrivateIdentifier" || accessibility === "private") hidden.push({ start, end });
    },
  }).visit(programOf(statement));
  const isHidden = (at: number) => hidden.some(({ start, end }) => start <= at && at < end);
  return found.flatMap(({ name, start }) => (isHidden(start) || parameters.has(name) ? [] : [name]));
}

function programOf(statement: Statement): ParseResult["program"] {
  return {
    type: "Program",
    body: [statement],
    sourceType: "module",
    hashbang: null,
    start: statement.start,
    end: statement.end,
  };
}
