import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

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
});
