import { Visitor } from "oxc-parser";
import { lines, type Piece, parsed } from "./syntax.ts";

const timers = ["setTimeout", "setInterval", "setImmediate", "performance", "systemClock"];
const timeMembers = ["Date.now", "AbortSignal.timeout"];

/** Where a file reads or waits by the computer's own time: its globals, Node's timers and core's `systemClock`. */
export function systemTimeIn(path: string, source: string): readonly Piece[] {
  const found: Piece[] = [];
  const lineAt = lines(source);
  const add = (text: string, start: number) => void found.push({ text, line: lineAt(start) });
  /** Names that are no reads of a variable: members, keys, declarations, and what is imported or passed on. */
  const names = new Set<unknown>();
  const { program, module } = parsed(path, source);
  for (const { moduleRequest } of module.staticImports)
    if (/^(node:)?timers(\/|$)/.test(moduleRequest.value)) add(moduleRequest.value, moduleRequest.start);
  new Visitor({
    ImportSpecifier: ({ imported, local }) => void names.add(imported).add(local),
    ExportSpecifier: ({ exported, local }) => void names.add(exported).add(local),
    Property({ key, value, computed, shorthand }) {
      if (!computed && !(shorthand && value === key)) names.add(key);
    },
    PropertyDefinition: ({ key, computed }) => void (computed || names.add(key)),
    MethodDefinition: ({ key, computed }) => void (computed || names.add(key)),
    TSPropertySignature: ({ key }) => void names.add(key),
    TSMethodSignature: ({ key }) => void names.add(key),
    MemberExpression({ object, property, computed, start }) {
      if (computed) return;
      names.add(property);
      if (object.type !== "Identifier" || property.type !== "Identifier") return;
      const name = `${object.name}.${property.name}`;
      const isTimer = object.name === "globalThis" && timers.includes(property.name);
      if (isTimer || timeMembers.includes(name)) add(name, start);
    },
    NewExpression({ callee, arguments: given, start }) {
      if (callee.type !== "Identifier" || callee.name !== "Date") return;
      if (given.length === 0) add("new Date", start);
    },
    CallExpression({ callee, start }) {
      if (callee.type === "Identifier" && callee.name === "Date") add("Date", start);
    },
  }).visit(program);
  new Visitor({
    Identifier(node) {
      if (timers.includes(node.name) && !names.has(node)) add(node.name, node.start);
    },
  }).visit(program);
  return found;
}
