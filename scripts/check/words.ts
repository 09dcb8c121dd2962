import { files, read } from "../workspace.ts";
import { optionNamesIn } from "./option-names.ts";
import retired from "./retired-words.json" with { type: "json" };
import type { Step } from "./step.ts";
import { identifiersIn, lines, type Piece, proseIn } from "./syntax.ts";

/** A word or phrase that has given way to the field's own. */
export interface Retired {
  readonly retired: string;
  readonly use: string;
  /** Where it is looked for: beginnings of paths. Default: everywhere. */
  readonly in?: readonly string[];
  /** Where it means something else. */
  readonly except?: readonly string[];
  /** A word after which it is right: `letter` after `dead`. */
  readonly after?: string;
  /** Whether a file may not be called so either. Default true. */
  readonly fileName?: boolean;
}

/** The name that an option had. What else is called so may stay. */
export interface RetiredOption extends Pick<Retired, "retired" | "use"> {
  /** Interfaces in which it means something else. */
  readonly exceptOf?: readonly string[];
}

export interface RetiredWords {
  /** Found as whole camel-case words anywhere in an identifier or a file's name, plurals included. */
  readonly words: readonly Retired[];
  /** Found only as a whole identifier, or a file's whole name. */
  readonly identifiers: readonly Retired[];
  /** Found as what an interface of options, a policy, settings or an adapter's table of options names. */
  readonly options: readonly RetiredOption[];
  /** Found in what people read: documents, comments, and the texts of which errors are made. */
  readonly phrases: readonly Retired[];
  /** Beginnings of paths that still hold some, each with its reason. An entry without any left is a problem. */
  readonly notYetClean: Readonly<Record<string, string>>;
  /** Beginnings of paths that must name what is retired, each with its reason. */
  readonly exempt: Readonly<Record<string, string>>;
}

export const words: Step = {
  title: "Words: the field's own in names, documents and errors",
  run: async () => {
    const paths = files(
      "*.{ts,md,json,jsonc,yaml,yml}",
      ".*.js",
      ".changeset/*.{md,json}",
      "{docs,examples,scripts,packages}/**/*.*",
    );
    // Of files in other languages, and of what npm writes, the names count alone.
    const isRead = (path: string) => /\.(m?[jt]s|md|jsonc?|ya?ml)$/.test(path) && !isLockfile(path);
    return wordProblems(new Map(paths.map((path) => [path, isRead(path) ? read(path) : ""])), retired);
  },
};

function isLockfile(path: string): boolean {
  return path.endsWith("package-lock.json");
}

/** What is wrong in these files, by path. */
export function wordProblems(
  texts: ReadonlyMap<string, string>,
  { notYetClean, exempt, ...list }: RetiredWords,
): readonly string[] {
  const unclean = new Set<string>();
  const problems: string[] = [];
  for (const [path, text] of texts) {
    if (startsWithOne(path, Object.keys(exempt))) continue;
    const found = problemsIn(path, text, list);
    const pending = Object.keys(notYetClean).find((entry) => path.startsWith(entry));
    if (pending === undefined) problems.push(...found);
    else if (found.length > 0) unclean.add(pending);
  }
  const stale = Object.keys(notYetClean).filter((entry) => !unclean.has(entry));
  return [
    ...problems,
    ...stale.map((entry) => `scripts/check/retired-words.json need not name ${entry} as not yet clean`),
  ];
}

type Lists = Pick<RetiredWords, "words" | "identifiers" | "options" | "phrases">;

function problemsIn(path: string, text: string, list: Lists): readonly string[] {
  const words = list.words.filter((entry) => isLookedFor(entry, path));
  const identifiers = list.identifiers.filter((entry) => isLookedFor(entry, path));
  const partsOfPath = path.split("/").map((part) => part.replace(/\..*$/, ""));

  const problems: string[] = [];
  for (const part of partsOfPath) {
    const entry =
      words.find((one) => holdsWord(part, one)) ??
      identifiers.find(
        (one) => one.fileName !== false && wordsOf(one.retired).join() === wordsOf(part).join(),
      );
    if (entry !== undefined) problems.push(`${path}: its name says ${entry.retired}; use ${entry.use}`);
  }
  const isMarkdown = path.endsWith(".md");
  const isData = /\.(jsonc?|ya?ml)$/.test(path);
  // Most files hold none of them anywhere, and need no parsing.
  const joined = joinedName(text);
  const mayName = [...words, ...identifiers].some(({ retired }) => joined.includes(joinedName(retired)));
  const phrases = list.phrases.filter(
    (entry) => isLookedFor(entry, path) && linesWith({ text, line: 1 }, entry.retired).length > 0,
  );
  const named = !mayName
    ? []
    : isMarkdown
      ? namesInMarkdown(text)
      : isData
        ? keysIn(text)
        : identifiersIn(path, text);
  const seen = new Set<string>();
  for (const { text: identifier, line } of named) {
    if (seen.has(identifier)) continue;
    seen.add(identifier);
    const entry =
      identifiers.find(({ retired }) => retired === identifier) ??
      words.find((one) => holdsWord(identifier, one));
    if (entry !== undefined) problems.push(`${path}:${line}: ${identifier}: use ${entry.use}`);
  }
  const isSource = !isMarkdown && !isData;
  if (isSource && list.options.some(({ retired }) => text.includes(retired))) {
    for (const { owner, text: option, line } of optionNamesIn(path, text)) {
      const entry = list.options.find(
        ({ retired, exceptOf }) => retired === option && exceptOf?.includes(owner) !== true,
      );
      if (entry !== undefined)
        problems.push(`${path}:${line}: the option ${option} of ${owner}: use ${entry.use}`);
    }
  }
  const prose = !isSource ? [{ text, line: 1 }] : phrases.length === 0 ? [] : proseIn(path, text);
  for (const piece of prose) {
    for (const entry of phrases) {
      for (const line of linesWith(piece, entry.retired))
        problems.push(`${path}:${line}: "${entry.retired}": use ${entry.use}`);
    }
  }
  return [...new Set(problems)];
}

/** Only what names are made of, so that `hold-back`, `hold_back` and `holdBack` are the same. */
function joinedName(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
}

/** What a file of data names: `"key":` of JSON, and `key:` of YAML. */
function keysIn(text: string): readonly Piece[] {
  const lineAt = lines(text);
  const keys = text.matchAll(/"([^"\n]+)"\s*:|(?<![\w$.-])([A-Za-z_$][\w$.-]*)\s*:(?=\s|$)/gm);
  return [...keys].map(({ index, 1: quoted, 2: plain }) => ({
    text: quoted ?? plain ?? "",
    line: lineAt(index),
  }));
}

/** What a document shows as code: the names in its TypeScript blocks, and between backticks. */
function namesInMarkdown(markdown: string): readonly Piece[] {
  const lineAt = lines(markdown);
  const found: Piece[] = [];
  for (const block of markdown.matchAll(/^```ts.*\n([\s\S]*?)^```$/gm)) {
    const first = lineAt(block.index);
    for (const { text, line } of identifiersIn("block.ts", block[1] ?? "")) {
      found.push({ text, line: first + line });
    }
  }
  // As long as they were, so that lines stay where they are.
  const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, (block) => block.replaceAll(/[^\n]/g, " "));
  for (const span of prose.matchAll(/`([^`\n]+)`/g)) {
    for (const [name] of (span[1] ?? "").matchAll(/[A-Za-z_$][\w$-]*/g))
      found.push({ text: name, line: lineAt(span.index) });
  }
  return found;
}

/** Whether a name has these words next to each other: `holdBack` in `mayHoldBackLanes`. */
function holdsWord(name: string, { retired, after }: Retired): boolean {
  const wanted = wordsOf(retired);
  const present = wordsOf(name);
  return present.some((_, at) => {
    if (after !== undefined && present[at - 1] === after) return false;
    return wanted.every((word, offset) => {
      const candidate = present[at + offset];
      const isLast = offset === wanted.length - 1;
      return candidate === word || (isLast && candidate === `${word}s`);
    });
  });
}

function wordsOf(name: string): readonly string[] {
  return (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+/g) ?? []).map((word) => word.toLowerCase());
}

const expressions = new Map<string, RegExp>();

function expressionFor(phrase: string): RegExp {
  const known = expressions.get(phrase);
  if (known !== undefined) return known;
  const pattern = phrase
    .replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replace("\\(s\\)", "s?")
    // A space may be the end of a line, with what a comment has at the beginning of the next one.
    .replaceAll(" ", "[\\s*/]+");
  // A code is written in capitals: in small letters it may be the name of a partition.
  const flags = /[a-z]/.test(phrase) ? "gi" : "g";
  const expression = new RegExp(`(?<![\\w-])${pattern}(?![\\w-])`, flags);
  expressions.set(phrase, expression);
  return expression;
}

function linesWith({ text, line }: Piece, phrase: string): readonly number[] {
  const found = [...text.matchAll(expressionFor(phrase))];
  return found.map(({ index }) => line + text.slice(0, index).split("\n").length - 1);
}

function isLookedFor({ in: places, except }: Retired, path: string): boolean {
  return (places === undefined || startsWithOne(path, places)) && !startsWithOne(path, except ?? []);
}

function startsWithOne(path: string, beginnings: readonly string[]): boolean {
  return beginnings.some((beginning) => path.startsWith(beginning));
}
