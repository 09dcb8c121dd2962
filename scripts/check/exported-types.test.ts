import { describe, expect, it } from "vitest";
import { exportedTypeProblems } from "./exported-types.ts";

const hidden = "export interface Hidden {}\n";
const problem = (what: string) => `index.ts exports ${what} but not Hidden of hidden.ts, which that names`;

describe("the types that an export names", () => {
  it("are missed wherever they are named", () => {
    const ways: Readonly<Record<string, string>> = {
      "a member": "export interface Shown { readonly one?: readonly Hidden[] | undefined }",
      "a method": "export interface Shown { one(given: { nested: Hidden }): void }",
      "a base": "export interface Shown extends Hidden {}",
      "a type": "export type Shown<T> = T extends Hidden ? 1 : 2;",
      "a parameter": "export function Shown(given: Hidden): void {}",
      "an overload": "export function Shown(): Hidden;\nexport function Shown(): unknown { return 1; }",
      "a result": "export const Shown: () => Promise<Hidden> = make();",
      "a bound": "export class Shown<T extends Hidden> {}",
      "a public property": "export class Shown { readonly one: Hidden = make(); }",
      "a constructor": "export class Shown { constructor(one: Hidden) {} }",
    };
    for (const [what, declaration] of Object.entries(ways))
      expect(problemsIn(declaration), what).toEqual([problem("Shown")]);
  });

  it("are not those within it, those of its own, and those that everybody has", () => {
    const source = `export class Shown<Hidden> { one: Hidden; two: Promise<Uint8Array>; }
`;
    expect(problemsIn(source)).toEqual([]);
    const within = `export class Shown {
  readonly #one: Hidden;
  private two: Hidden;
  #three(): Hidden { return this.#one; }
  four(): void { const one: Hidden = this.#one; }
}`;
    expect(problemsIn(within)).toEqual([]);
  });

  it("may be exported beside it, under another name, from another file or through one", () => {
    const entry = `export { Shown } from "./shown.ts";\nexport type { Hidden as Known } from "./hidden.ts";`;
    expect(problemsIn("export type Shown = Hidden;", entry)).toEqual([]);
    const texts = new Map([
      ["index.ts", 'export { Shown } from "./shown.ts";'],
      ["spi.ts", 'export type { Hidden } from "./through.ts";'],
      ["through.ts", 'export type { Hidden } from "./hidden.ts";'],
      ["shown.ts", 'import type { Hidden } from "./through.ts";\nexport type Shown = Hidden;'],
      ["hidden.ts", hidden],
    ]);
    expect(exportedTypeProblems(texts, [{ path: "index.ts", beside: ["spi.ts"] }])).toEqual([]);
    expect(exportedTypeProblems(texts, [{ path: "index.ts" }])).toEqual([problem("Shown")]);
    expect(exportedTypeProblems(texts, [{ path: "index.ts" }], { "hidden.ts Hidden": "why" })).toEqual([]);
    expect(exportedTypeProblems(texts, [], { "hidden.ts Hidden": "why" })).toHaveLength(1);
  });
});

function problemsIn(declaration: string, entry = 'export { Shown } from "./shown.ts";'): readonly string[] {
  const imports = 'import type { Hidden } from "./hidden.ts";\n';
  const texts = new Map([
    ["index.ts", entry],
    ["shown.ts", imports + declaration],
    ["hidden.ts", hidden],
  ]);
  return exportedTypeProblems(texts, [{ path: "index.ts" }]);
}
