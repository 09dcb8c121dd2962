import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { errorCodes } from "../../packages/core/src/errors/codes.ts";
import { files, read, root } from "../workspace.ts";
import type { Step } from "./step.ts";

const errorPage = "docs/errors.md";

/** Every page that people read. */
export function pages(): readonly string[] {
  return files("*.md", "docs/**/*.md", "examples/*.md", "packages/*/README.md");
}

export const documents: Step = {
  title: "Documents: error codes, links, and adapters that bundlers see",
  run: async () => [
    ...errorCodeProblems(),
    ...pages().flatMap(linkProblems),
    ...files("README.md", "packages/*/README.md").flatMap((path) => adapterProblems(path, read(path))),
  ],
};

/** Each code has one heading, and the page opens its section with the code's own title. */
function errorCodeProblems(): readonly string[] {
  const text = read(errorPage);
  const headings = [...text.matchAll(/^### (\S+)$/gm)].map((match) => match[1] ?? "");
  const problems: string[] = [];
  for (const [code, { title }] of Object.entries(errorCodes)) {
    const times = headings.filter((heading) => heading === code).length;
    if (times !== 1) problems.push(`${errorPage} has ${times} headings for ${code}; it needs one`);
    else if (!text.includes(`### ${code}\n\n${title}.`)) {
      problems.push(`${errorPage}: the section ${code} does not begin with its title: "${title}."`);
    }
  }
  const unknown = headings.filter((heading) => !Object.hasOwn(errorCodes, heading));
  return [
    ...problems,
    ...unknown.map((heading) => `${errorPage} describes ${heading}, which is no error code`),
  ];
}

/** Whoever reads only this page, and uses a bundler or a strict package manager, would be refused by `connect`. */
export function adapterProblems(page: string, markdown: string): readonly string[] {
  const blocks = [...markdown.matchAll(/^```ts.*\n([\s\S]*?)^```$/gm)].map(([, code = ""]) => code);
  const connects = blocks.some((code) => /\bconnect\(/.test(code));
  const isShown = blocks.some(
    (code) => /\badapters: \[adapter\]/.test(code) && /\bimport \{[^}]*\badapter\b/.test(code),
  );
  return connects && !isShown
    ? [`${page} connects, and shows no \`adapters: [adapter]\` with its import`]
    : [];
}

/** Links within the repository lead to a file, and to a heading where they name one. */
function linkProblems(page: string): readonly string[] {
  const prose = withoutCode(read(page));
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => !leadsSomewhere(page, link))
    .map((link) => `${page}: the link ${link} leads nowhere`);
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || anchorsOf(target).includes(anchor);
}

function anchorsOf(page: string): readonly string[] {
  const headings = [...withoutCode(read(page)).matchAll(/^#+ (.+)$/gm)].map((match) => match[1] ?? "");
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-"),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```.*?^```/gms, "");
}
