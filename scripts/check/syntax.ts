import { type Argument, type ParseResult, parseSync, Visitor } from "oxc-parser";

/** A module that a file names, however it does. */
export interface NamedModule {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** A piece of a source file, and the line on which it begins. */
export interface Piece {
  readonly text: string;
  readonly line: number;
}

/**
 * `import`, `export … from`, `import()`, `import("…").Type`, `import … = require()`, `require()`,
 * `declare module` and `/// <reference>`, as the parser finds them: never in a string or another comment.
 */
export function modulesNamedIn(path: string, source: string): readonly NamedModule[] {
  const { program, module, comments } = parsed(path, source);
  const named: NamedModule[] = module.staticImports.map(({ moduleRequest, entries }) => ({
    specifier: moduleRequest.value,
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }));
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, isType } of entries) {
      if (moduleRequest) named.push({ specifier: moduleRequest.value, typeOnly: isType });
    }
  }
  new Visitor({
    ImportExpression({ source }) {
      const specifier = textOf(source);
      if (specifier !== undefined) named.push({ specifier, typeOnly: false });
    },
    CallExpression({ callee, arguments: [given] }) {
      const specifier = given && textOf(given);
      if (callee.type === "Identifier" && callee.name === "require" && specifier !== undefined)
        named.push({ specifier, typeOnly: false });
    },
    TSImportEqualsDeclaration({ moduleReference, importKind }) {
      if (moduleReference.type === "TSExternalModuleReference")
        named.push({ specifier: moduleReference.expression.value, typeOnly: importKind === "type" });
    },
    TSModuleDeclaration({ id }) {
      if (id.type === "Literal") named.push({ specifier: id.value, typeOnly: true });
    },
    TSImportType({ source }) {
      named.push({ specifier: String(source.value), typeOnly: true });
    },
  }).visit(program);
  for (const { type, value } of comments) {
    const [, what, specifier = ""] =
      /^\/\s*<reference\s+(path|types)\s*=\s*["']([^"']+)["']/.exec(value) ?? [];
    if (type !== "Line" || what === undefined) continue;
    const isBare = what === "path" && !specifier.startsWith(".") && !specifier.startsWith("/");
    named.push({ specifier: isBare ? `./${specifier}` : specifier, typeOnly: true });
  }
  return named;
}

/** The text of a literal, also of a template without holes. */
function textOf(node: Argument): string | undefined {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : undefined;
  if (node.type !== "TemplateLiteral" || node.expressions.length > 0) return undefined;
  return node.quasis[0]?.value.cooked ?? undefined;
}

/** The names under which a file exports values: no types. */
export function exportedBy(path: string, source: string): readonly string[] {
  const { module } = parsed(path, source);
  return module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ isType, exportName: { name } }) => (isType || name === null ? [] : [name])),
  );
}

/** A name that a file exports, and where it comes from, if from another file. */
export interface Exported {
  readonly name: string;
  readonly from: string | undefined;
  /** What it is called there. */
  readonly imported: string;
}

/** All that a file exports by name, types included. */
export function exportsOf(path: string, source: string): readonly Exported[] {
  const { module } = parsed(path, source);
  return module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ exportName, importName, moduleRequest }) =>
      exportName.name === null
        ? []
        : [
            {
              name: exportName.name,
              from: moduleRequest?.value,
              imported: importName.name ?? exportName.name,
            },
          ],
    ),
  );
}

/** All that a file imports by name, under the name that it has there. */
export function importedBy(path: string, source: string): readonly Exported[] {
  const { module } = parsed(path, source);
  return module.staticImports.flatMap(({ moduleRequest, entries }) =>
    entries.map(({ importName, localName }) => ({
      name: localName.value,
      from: moduleRequest.value,
      imported: importName.name ?? localName.value,
    })),
  );
}

/** What a file declares at its top, each overload by itself, and whether a docstring stands before it. */
export function declarationsIn(
  path: string,
  source: string,
): readonly { readonly name: string; readonly line: number; readonly isDescribed: boolean }[] {
  const { program, comments } = parsed(path, source);
  const lineAt = lines(source);
  const isDescribed = (start: number) =>
    comments.some(
      ({ type, value, end }) =>
        type === "Block" && value.startsWith("*") && end <= start && source.slice(end, start).trim() === "",
    );
  return program.body.flatMap((statement) => {
    const declared =
      statement.type === "ExportNamedDeclaration" && statement.declaration !== null
        ? statement.declaration
        : statement;
    const names =
      declared.type === "VariableDeclaration"
        ? declared.declarations.map(({ id }) => (id.type === "Identifier" ? id.name : undefined))
        : "id" in declared && declared.id?.type === "Identifier"
          ? [declared.id.name]
          : [];
    // A comment for the linter may stand between.
    const start = beforeLineComments(source, statement.start);
    return names.flatMap((name) =>
      name === undefined ? [] : [{ name, line: lineAt(statement.start), isDescribed: isDescribed(start) }],
    );
  });
}

function beforeLineComments(source: string, start: number): number {
  const before = source.slice(0, start).replace(/(?<=^|\n)(?:[ \t]*\/\/[^\n]*\n)+$/, "");
  return before.length;
}

/** The static methods of each class, as `Class.method`. */
export function staticMethodsIn(path: string, source: string): readonly string[] {
  const found: string[] = [];
  new Visitor({
    ClassDeclaration({ id, body }) {
      for (const member of body.body) {
        if (member.type !== "MethodDefinition" || !member.static || member.key.type !== "Identifier")
          continue;
        found.push(`${id?.name}.${member.key.name}`);
      }
    },
  }).visit(parsed(path, source).program);
  return found;
}

/** Every identifier, and every quoted name of a property: where options get their names. */
export function identifiersIn(path: string, source: string): readonly Piece[] {
  const found: Piece[] = [];
  const lineAt = lines(source);
  const add = (text: string, start: number) => found.push({ text, line: lineAt(start) });
  const addKey = ({ key }: { readonly key: { type: string; start: number; value?: unknown } }) => {
    if (key.type === "Literal" && typeof key.value === "string") add(key.value, key.start);
  };
  new Visitor({
    Identifier: ({ name, start }) => add(name, start),
    PrivateIdentifier: ({ name, start }) => add(name, start),
    Property: addKey,
    PropertyDefinition: addKey,
    TSPropertySignature: addKey,
  }).visit(parsed(path, source).program);
  return found;
}

/** How the sentences of errors begin: the texts of `new MessagingError`, and the subjects given to `readable`. */
export function subjectsIn(path: string, source: string): readonly Piece[] {
  const found: Piece[] = [];
  const lineAt = lines(source);
  const add = (node: Argument | undefined) => {
    if (node === undefined) return;
    const text = node.type === "TemplateLiteral" ? node.quasis[0]?.value.cooked : textOf(node);
    if (text) found.push({ text, line: lineAt(node.start) });
  };
  new Visitor({
    NewExpression({ callee, arguments: given }) {
      if (callee.type === "Identifier" && callee.name === "MessagingError") add(given[1]);
    },
    CallExpression({ callee, arguments: given }) {
      if (callee.type === "Identifier" && callee.name === "readable") add(given[0]);
    },
  }).visit(parsed(path, source).program);
  return found;
}

/** A `new MessagingError(…)`. */
export interface MadeError {
  /** As the source has it: without quotes where it is a literal. */
  readonly code: string;
  readonly line: number;
  readonly hasRemedy: boolean;
  /** The text of the remedy, where it is a literal. */
  readonly remedy: string | undefined;
}

/** Every `new MessagingError(…)`, and whether its options have a remedy. */
export function errorsMadeIn(path: string, source: string): readonly MadeError[] {
  if (!source.includes("new MessagingError(")) return [];
  const found: MadeError[] = [];
  const lineAt = lines(source);
  new Visitor({
    NewExpression({ callee, arguments: given, start }) {
      if (callee.type !== "Identifier" || callee.name !== "MessagingError") return;
      const [code, , options] = given;
      const properties = options?.type === "ObjectExpression" ? options.properties : [];
      const remedy = properties.find(
        (one) => one.type === "Property" && one.key.type === "Identifier" && one.key.name === "remedy",
      );
      const value = remedy?.type === "Property" && remedy.value.type === "Literal" ? remedy.value.value : "";
      found.push({
        code: code === undefined ? "" : source.slice(code.start, code.end).replaceAll('"', ""),
        line: lineAt(start),
        hasRemedy: remedy !== undefined,
        remedy: typeof value === "string" && value !== "" ? value : undefined,
      });
    },
  }).visit(parsed(path, source).program);
  return found;
}

/** What people read: the comments, and the texts, of which errors and reports are made. */
export function proseIn(path: string, source: string): readonly Piece[] {
  const { program, comments } = parsed(path, source);
  const lineAt = lines(source);
  const found: Piece[] = comments.map(({ value, start }) => ({ text: value, line: lineAt(start) }));
  new Visitor({
    Literal({ value, start }) {
      if (typeof value === "string") found.push({ text: value, line: lineAt(start) });
    },
    TemplateElement({ value, start }) {
      found.push({ text: value.cooked ?? value.raw, line: lineAt(start) });
    },
  }).visit(program);
  return inParagraphs(found);
}

/** Line comments that follow each other are one text, since a phrase may go over their ends. */
function inParagraphs(pieces: readonly Piece[]): readonly Piece[] {
  const paragraphs: { text: string; line: number; last: number }[] = [];
  for (const { text, line } of pieces) {
    const previous = paragraphs.at(-1);
    if (previous !== undefined && previous.last + 1 === line) {
      previous.text += `\n${text}`;
      previous.last = line;
    } else paragraphs.push({ text, line, last: line });
  }
  return paragraphs;
}

/** @throws Error where the file is no TypeScript */
export function parsed(path: string, source: string): ParseResult {
  const result = parseSync(path, source);
  const [error] = result.errors;
  if (error !== undefined) throw new Error(`${path} cannot be parsed: ${error.message}`);
  return result;
}

/** The line of an offset, from 1. */
export function lines(source: string): (offset: number) => number {
  const starts = [0];
  for (let at = source.indexOf("\n"); at !== -1; at = source.indexOf("\n", at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  };
}
