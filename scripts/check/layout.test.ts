import { describe, expect, it } from "vitest";
import { adapterFiles } from "./adapter-layout.ts";
import { importsOf } from "./import-graph.ts";
import { adapterFileProblems, mappingProblems } from "./layout.ts";
import { ScratchRepository } from "./scratch-repository.ts";

describe("the layout check", () => {
  it("wants the agreed files of an adapter, with the agreed names in them", () => {
    expect(adapterFileProblems("carrier-pigeon", complete())).toEqual([]);

    const without = complete();
    without.delete("delivery.ts");
    without.set("consumer.ts", "export class PigeonConsumer {}");
    without.set("connection.ts", "export class CarrierPigeonConnection { open() {} }");
    expect(adapterFileProblems("carrier-pigeon", without)).toEqual([
      "packages/carrier-pigeon/src/connection.ts: CarrierPigeonConnection has no static method open",
      "packages/carrier-pigeon/src/consumer.ts does not export CarrierPigeonConsumer",
      "packages/carrier-pigeon/src/delivery.ts is missing: every adapter has the same files",
    ]);
  });

  it("takes further files only in the agreed folders, and nothing more from the index", () => {
    const more = complete()
      .set("client/feeding.ts", "")
      .set("loft/nest.ts", "")
      .set("feeding.ts", "")
      .set("index.ts", "export const carrierPigeon = 1, adapter = 2, nest = 3; export interface Options {}");
    expect(adapterFileProblems("carrier-pigeon", more)).toEqual([
      "packages/carrier-pigeon/src/index.ts exports nest: it holds the factory and the adapter",
      "packages/carrier-pigeon/src/loft/nest.ts is neither one of the agreed files nor in one of the agreed folders",
      "packages/carrier-pigeon/src/feeding.ts is neither one of the agreed files nor in one of the agreed folders",
    ]);
  });

  it("wants a mapping that is free of the vendor's client, also behind another file and as a type", () => {
    const mapping = "packages/carrier-pigeon/src/mapping.ts";
    using repository = new ScratchRepository({
      "packages/core/src/spi/index.ts": "export const A = 1;",
      [mapping]: 'export { A } from "@waybill/core/spi"; export type { Ring } from "./client/ring.ts";',
      "packages/carrier-pigeon/src/client/ring.ts": 'export type { Ring } from "pigeon-client";',
    });
    expect(mappingProblems(mapping, importsOf(repository.root, repository.files))).toEqual([
      `${mapping} must be free of pigeon-client, which packages/carrier-pigeon/src/client/ring.ts imports`,
    ]);
  });
});

function complete(): Map<string, string> {
  return new Map(
    Object.entries(adapterFiles).map(([name, exportsOf]) => {
      const named = exportsOf("CarrierPigeon").map((one) =>
        one.endsWith("Connection") ? `export class ${one} { static open() {} }` : `export const ${one} = 1;`,
      );
      return [name, named.join("\n")];
    }),
  );
}
