import { describe, expect, it } from "vitest";
import type { Package } from "../workspace.ts";
import { importsOf } from "./import-graph.ts";
import { importProblems } from "./imports.ts";
import { ScratchRepository } from "./scratch-repository.ts";

const known: readonly Package[] = [
  aPackage("core", false),
  aPackage("conformance", false),
  aPackage("carrier-pigeon", true),
  aPackage("semaphore", true),
  aPackage("bridge", false, { "@waybill/core": "0.1.0", "@waybill/semaphore": "0.1.0" }),
];

const core = {
  "packages/core/src/index.ts": 'export { A } from "./spi/index.ts";',
  "packages/core/src/spi/index.ts": "export const A = 1;",
};

describe("the imports check", () => {
  it("lets pass what goes one way", () => {
    const problems = problemsOf({
      ...core,
      "packages/core/src/api/client.ts":
        'import type { A } from "../spi/index.ts"; export type B = typeof A;',
      "packages/carrier-pigeon/src/index.ts": 'import { A } from "@waybill/core/spi"; export const b = A;',
      "packages/carrier-pigeon/src/conformance.ts":
        'import { readFileSync } from "node:fs"; readFileSync("a");',
    });
    expect(problems).toEqual([]);
  });

  it("catches a circle of types only", () => {
    const problems = problemsOf({
      ...core,
      "packages/carrier-pigeon/src/bird.ts":
        'import type { Nest } from "./nest.ts"; export type Bird = Nest[];',
      "packages/carrier-pigeon/src/nest.ts": 'export interface Nest { of: import("./egg.ts").Egg }',
      "packages/carrier-pigeon/src/egg.ts": 'export type { Bird as Egg } from "./bird.ts";',
    });
    expect(problems).toEqual([
      "These files import each other in a circle: packages/carrier-pigeon/src/bird.ts → " +
        "packages/carrier-pigeon/src/nest.ts → packages/carrier-pigeon/src/egg.ts → packages/carrier-pigeon/src/bird.ts",
    ]);
  });

  it("catches an edge that runs back up in core, of a type as well", () => {
    const problems = problemsOf({
      ...core,
      "packages/core/src/errors/texts.ts":
        'import type { A } from "../spi/index.ts"; export type B = typeof A;',
      "packages/core/src/policies/backoff.ts": 'export { A } from "../client/connect.ts";',
      "packages/core/src/client/connect.ts": "export const A = 1;",
      "packages/core/src/elsewhere/a.ts": 'export { A } from "../spi/index.ts";',
    });
    expect(problems).toEqual([
      "packages/core/src/errors/texts.ts imports packages/core/src/spi/index.ts: in core, errors comes before spi",
      "packages/core/src/policies/backoff.ts imports packages/core/src/client/connect.ts: in core, policies comes before client",
      "packages/core/src/elsewhere/a.ts: core has no folder elsewhere in the agreed order",
    ]);
  });

  it("catches an adapter that imports core's root, another adapter, or the suite beyond its types", () => {
    const problems = problemsOf({
      ...core,
      "packages/carrier-pigeon/src/index.ts":
        'import type { A } from "@waybill/core"; export type B = typeof A;',
      "packages/carrier-pigeon/src/consumer.ts": 'export { A } from "../../core/src/spi/index.ts";',
      "packages/carrier-pigeon/src/topology.ts": 'await import("@waybill/semaphore");',
      "packages/carrier-pigeon/src/conformance.ts": 'export * from "@waybill/conformance";',
    });
    expect(problems).toContain(
      "packages/carrier-pigeon/src/index.ts imports @waybill/core: an adapter may import only @waybill/core/spi",
    );
    expect(problems).toContain(
      "packages/carrier-pigeon/src/consumer.ts reaches into packages/core/src/spi/index.ts",
    );
    expect(problems).toContain(
      "packages/carrier-pigeon/src/topology.ts imports @waybill/semaphore: an adapter may import only @waybill/core/spi",
    );
    expect(problems).toContain(
      "packages/carrier-pigeon/src/conformance.ts imports @waybill/conformance: an adapter may import only @waybill/core/spi",
    );
  });

  it("lets a package on top have core's root and an adapter's mapping, and no more of the adapter", () => {
    const problems = problemsOf({
      ...core,
      "packages/bridge/src/index.ts":
        'import { A } from "@waybill/core"; import { b } from "@waybill/semaphore/mapping"; export const c = A + b;',
      "packages/bridge/src/flags.ts": 'export { semaphore } from "@waybill/semaphore";',
      "packages/semaphore/package.json": '{ "name": "@waybill/semaphore" }',
    });
    expect(problems).toContain(
      "packages/bridge/src/flags.ts imports @waybill/semaphore: of an adapter, packages on top may import only ./mapping",
    );
    expect(problems.filter((problem) => problem.startsWith("packages/bridge/src/index.ts"))).toEqual([
      "packages/bridge/src/index.ts imports @waybill/semaphore/mapping, which is not there",
    ]);
  });

  it("catches what core takes from elsewhere, and what is not there", () => {
    const problems = problemsOf({
      ...core,
      "packages/core/src/runtime/sleep.ts": 'import "node:timers"; import "./no-such-file.ts";',
    });
    expect(problems).toEqual([
      "packages/core/src/runtime/sleep.ts imports ./no-such-file.ts, which is not there",
      "packages/core/src/runtime/sleep.ts imports node:timers: core imports nothing",
    ]);
  });

  it.each([
    ["a template", "export const a = import(`../client/connect.ts`);"],
    ["`require`", 'export const a = require("../client/connect.ts");'],
    ["`import … = require`", 'import a = require("../client/connect.ts"); export { a };'],
    ["`declare module`", 'declare module "../client/connect.ts" { interface A {} } export {};'],
    ["a reference", '/// <reference path="../client/connect.ts" />\nexport {};'],
  ])("catches an edge that runs back up in %s", (_what, text) => {
    const files = {
      ...core,
      "packages/core/src/client/connect.ts": "export const A = 1;",
      "packages/core/src/policies/a.ts": text,
    };
    expect(problemsOf(files)).toEqual([
      "packages/core/src/policies/a.ts imports packages/core/src/client/connect.ts: in core, policies comes before client",
    ]);
  });

  it("takes no text and no comment for an import", () => {
    const problems = problemsOf({
      ...core,
      "packages/carrier-pigeon/src/index.ts":
        'export const hint = `import { connect } from "@waybill/core";`; // import "@waybill/core"',
    });
    expect(problems).toEqual([]);
  });
});

function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  using repository = new ScratchRepository(files);
  return importProblems(importsOf(repository.root, repository.files), known);
}

function aPackage(
  folder: string,
  isAdapter: boolean,
  dependencies: Readonly<Record<string, string>> = {},
): Package {
  return { folder, isAdapter, manifest: { name: `@waybill/${folder}`, version: "0.1.0", dependencies } };
}
