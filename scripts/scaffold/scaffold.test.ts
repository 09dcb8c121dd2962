import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { adapterEntries } from "../check/adapter-layout.ts";
import { importsOf } from "../check/import-graph.ts";
import { adapterFileProblems, mappingProblems } from "../check/layout.ts";
import retired from "../check/retired-words.json" with { type: "json" };
import { wordProblems } from "../check/words.ts";
import { capture } from "../command.ts";
import { root } from "../workspace.ts";
import { sources } from "./sources.ts";
import { surroundings } from "./surroundings.ts";

const name = "carrier-pigeon";
const written = { ...sources(name), ...surroundings(name) };

it("makes the agreed files, in the agreed words", () => {
  const files = Object.entries(sources(name)).map(
    ([path, text]) => [path.slice("src/".length), text] as const,
  );
  expect(adapterFileProblems(name, new Map(files))).toEqual([]);
  expect(
    wordProblems(new Map(Object.entries(written).filter(([path]) => /\.(ts|md)$/.test(path))), {
      ...retired,
      notYetClean: {},
    }),
  ).toEqual([]);
  expect(Object.keys(JSON.parse(written["package.json"] ?? "").exports)).toEqual([
    ...adapterEntries,
    "./package.json",
  ]);
});

it("makes sources that compile, with a pure mapping", { timeout: 60_000 }, async () => {
  const folder = join(root, ".cache", "scaffold", name);
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of Object.entries(sources(name))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
  const { output } = await capture(join(root, "node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"]);
  expect(output).toBe("");

  const paths = Object.keys(sources(name)).map((path) => `.cache/scaffold/${name}/${path}`);
  expect(mappingProblems(`.cache/scaffold/${name}/src/mapping.ts`, importsOf(root, paths))).toEqual([]);
});

it("makes a conformance test that says why it does not run where no URL is given", () => {
  expect(written["test/conformance.broker.test.ts"]).toContain(
    'it.skip("is not run: WAYBILL_CARRIER_PIGEON_URL does not say where the broker is"',
  );
});

const settings = {
  extends: "../../../tsconfig.base.json",
  compilerOptions: {
    noEmit: true,
    customConditions: ["@waybill/source"],
    allowImportingTsExtensions: true,
  },
  include: ["src"],
};
