import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A repository of a few files for the tests of a check: with core where packages find it, and gone afterwards. */
export class ScratchRepository implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "waybill-check-"));
  readonly files: readonly string[];

  constructor(files: Readonly<Record<string, string>>) {
    this.files = Object.keys(files).filter((path) => path.endsWith(".ts"));
    for (const [path, text] of Object.entries({ ...coreManifest, ...files })) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), text);
    }
    mkdirSync(join(this.root, "node_modules/@waybill"), { recursive: true });
    symlinkSync(join(this.root, "packages/core"), join(this.root, "node_modules/@waybill/core"));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

const coreManifest = {
  "packages/core/package.json": JSON.stringify({
    name: "@waybill/core",
    exports: {
      ".": { "@waybill/source": "./src/index.ts", default: "./dist/index.js" },
      "./spi": { "@waybill/source": "./src/spi/index.ts", default: "./dist/spi/index.js" },
    },
  }),
};
