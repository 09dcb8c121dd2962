import { describe, expect, it } from "vitest";
import { docstringProblems } from "./docstrings.ts";

describe("the docstrings check", () => {
  it("catches what an entry exports without one, wherever it is declared, types included", () => {
    const files = {
      "a/index.ts":
        'export { one, two as three } from "./other.ts";\nexport type { Four } from "./other.ts";',
      "a/other.ts":
        "export const one = 1;\nexport function two() {}\nexport interface Four {}\nexport const own = 1;",
    };
    expect(problemsIn(files)).toEqual([
      "a/other.ts:1: one is exported and has no docstring",
      "a/other.ts:2: two is exported and has no docstring",
      "a/other.ts:3: Four is exported and has no docstring",
    ]);
  });

  it("takes one before the first overload, and before a comment for the linter", () => {
    const files = {
      "a/index.ts": `/** Says. */
export function say(): void;
export function say(what?: string): void {}
/** With "https://example.org". */
export const link = 1;
/** Any. */
// biome-ignore lint/suspicious/noExplicitAny: any
export type Any = any;
`,
    };
    expect(problemsIn(files)).toEqual([]);
  });

  it("takes no other comment for one", () => {
    expect(
      problemsIn({ "a/index.ts": "// Says.\nexport const a = 1;\n/* Says. */\nexport const b = 1;" }),
    ).toHaveLength(2);
  });
});

function problemsIn(files: Readonly<Record<string, string>>): readonly string[] {
  return docstringProblems(new Map(Object.entries(files)), ["a/index.ts"]);
}
