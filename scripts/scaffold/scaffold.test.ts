import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ConformanceTarget } from "@waybill/conformance";
import type { Adapter } from "@waybill/core/spi";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
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
/** As deep as a package, since the conformance test names files outside of it. */
const folder = join(root, ".cache", `scaffold-${name}`);
const load = (path: string) => import(join(folder, path));

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of Object.entries(written)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
  const { output } = await capture(join(root, "node_modules/.bin/tsc"), ["-p", folder, "--pretty", "false"]);
  expect(output).toBe("");

  const paths = Object.keys(sources(name)).map((path) => `.cache/scaffold-${name}/${path}`);
  expect(mappingProblems(`.cache/scaffold-${name}/src/mapping.ts`, importsOf(root, paths))).toEqual([]);
});

it("gives the credentials of the URL, or of the environment, to the client that is made", async () => {
  const { adapter }: { adapter: Adapter } = await load("src/index.ts");
  const { CarrierPigeonConnection } = await load("src/connection.ts");
  const opened = vi.spyOn(CarrierPigeonConnection, "open");
  const settingsFor = async (url: string, env: Readonly<Record<string, string>> = {}) => {
    const { signal } = new AbortController();
    const hooks = { lost: () => {}, report: () => {} };
    await expect(adapter.fromUrl(url, env).connect(hooks, { signal })).rejects.toThrow("not written yet");
    return opened.mock.lastCall?.[0];
  };
  expect(
    await settingsFor("carrier-pigeon://me:p%40ss%2F1@loft.example:4223?maxMessageBytes=7"),
  ).toMatchObject({
    host: "loft.example",
    port: 4_223,
    username: "me",
    password: "p@ss/1",
    maxMessageBytes: 7,
  });
  const env = { CARRIER_PIGEON_USERNAME: "you", CARRIER_PIGEON_PASSWORD: "secret" };
  expect(await settingsFor("carrier-pigeon://loft.example", env)).toMatchObject({
    username: "you",
    password: "secret",
  });
});

it("writes every stub that the suite asks for, and each says that it is not written yet", async () => {
  const { target }: { target: (url: string) => ConformanceTarget } = await load("src/conformance.ts");
  const url = "carrier-pigeon://me:mine@loft.example:4223";
  const { adapter, driver, endpoint, url: whole, refused, refusedSecret, externalClient } = target(url);
  expect({ adapter, endpoint, href: whole?.href }).toEqual({
    adapter: name,
    endpoint: { host: "loft.example", port: 4_223 },
    href: url,
  });
  const { CarrierPigeonConnection } = await load("src/connection.ts");
  const opened = vi.spyOn(CarrierPigeonConnection, "open");
  const call = { signal: new AbortController().signal };
  const hooks = { lost: () => {}, report: () => {} };
  await expect((await driver({ host: "127.0.0.1", port: 9 })).connect(hooks, call)).rejects.toThrow();
  expect(opened.mock.lastCall?.[0]).toMatchObject({
    host: "127.0.0.1",
    port: 9,
    username: "me",
    password: "mine",
  });
  await expect((await refused?.())?.connect(hooks, call)).rejects.toThrow();
  expect(opened.mock.lastCall?.[0]).toMatchObject({ host: "loft.example", password: refusedSecret });

  const external = await externalClient?.();
  await expect(external?.publish(undefined as never, undefined as never)).rejects.toThrow("not written yet");
  await expect(external?.listen(undefined as never, undefined as never)).rejects.toThrow("not written yet");
  await external?.close();
});

it("makes a conformance test that is skipped where no URL is given, and says why", {
  timeout: 60_000,
}, async () => {
  const config = join(folder, "vitest.config.ts");
  writeFileSync(config, suiteConfig);
  const { code, output } = await capture(join(root, "node_modules/.bin/vitest"), [
    "run",
    "--config",
    config,
    "--reporter=verbose",
  ]);
  expect(output).toContain("is not run: WAYBILL_CARRIER_PIGEON_URL does not say where the broker is");
  expect(output).toMatch(/1 skipped/);
  expect(code).toBe(0);
});

const settings = {
  extends: "../../tsconfig.base.json",
  compilerOptions: {
    noEmit: true,
    customConditions: ["@waybill/source"],
    allowImportingTsExtensions: true,
  },
  include: ["src"],
};

const suiteConfig = `import { sourceConditions } from "../../vitest.config.ts";
export default { ...sourceConditions, test: { include: [".cache/scaffold-${name}/test/*.test.ts"] } };
`;
