import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { exportedTypeProblems } from "../../../scripts/check/exported-types.ts";

const source = (path: string) => readFileSync(new URL(`../src/${path}`, import.meta.url), "utf8");
const exported = new Set([...source("index.ts").matchAll(/\b[A-Za-z]\w*\b/g)].map(([name]) => name));
const forAdapters = new Set([...source("spi/index.ts").matchAll(/\b[A-Za-z]\w*\b/g)].map(([name]) => name));

/** Files of `api` whose exports are core's own business, and nobody names in a type. */
const internal = new Set(["compose", "Reporter", "Level", "Console", "Contract"]);

describe("what an exported type names", () => {
  for (const file of readdirSync(new URL("../src/api", import.meta.url))) {
    it(`is exported: all types of api/${file}`, () => {
      const declared = [...source(`api/${file}`).matchAll(/^(?:export )?(?:interface|type|class) (\w+)/gm)];
      const missing = declared
        .map(([, name = ""]) => name)
        .filter((name) => !exported.has(name) && !internal.has(name));
      expect(missing).toEqual([]);
    });

    it(`is exported: all that api/${file} imports from elsewhere in core`, () => {
      const imports = [...source(`api/${file}`).matchAll(/import type \{([^}]*)\} from "\.\.\/(?!errors)/g)];
      const names = imports
        .flatMap(([, list = ""]) => list.split(","))
        .map((each) => each.trim())
        .filter(Boolean);
      expect(names.filter((name) => !exported.has(name) && !forAdapters.has(name))).toEqual([]);
    });
  }

  it("is exported from each of core's entries: whatever anything exported names, policies, errors and the SPI included", () => {
    const paths = readdirSync(new URL("../src", import.meta.url), { recursive: true, encoding: "utf8" });
    const texts = new Map(paths.filter((path) => path.endsWith(".ts")).map((path) => [path, source(path)]));
    // An application can import what its adapter does; an adapter has the SPI alone.
    const entries = [{ path: "index.ts", beside: ["spi/index.ts"] }, { path: "spi/index.ts" }];
    expect(
      exportedTypeProblems(texts, entries, {
        "errors/codes.ts errorCodes": "Adapters need its keys alone, which are ErrorCode.",
      }),
    ).toEqual([]);
  });
});
