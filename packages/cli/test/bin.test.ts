import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";

const bin = fileURLToPath(new URL("../bin/waybill.js", import.meta.url));

/** The bin file alone, as it is after installing and before building. */
function unbuilt(): string {
  const folder = mkdtempSync(join(tmpdir(), "waybill-cli-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  cpSync(bin, join(folder, "bin/waybill.js"));
  return join(folder, "bin/waybill.js");
}

describe("the waybill file", () => {
  it("can be run as a program", () => {
    expect(statSync(bin).mode & 0o111).toBe(0o111);
    execFileSync(process.execPath, ["--check", bin]);
  });

  it("says that the build is missing", () => {
    const { status, stderr } = spawnSync(process.execPath, [unbuilt()], { encoding: "utf8" });
    expect(stderr).toBe("waybill is not built yet: run `npm run build` first\n");
    expect(status).toBe(1);
  });

  it("says which Node it needs to one that is too old", () => {
    const pretend = "data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})";
    const { status, stderr } = spawnSync(process.execPath, ["--import", pretend, unbuilt()], {
      encoding: "utf8",
    });
    expect(stderr).toBe("waybill needs Node 22.12 or newer; this is Node 20.20.2\n");
    expect(status).toBe(1);
  });
});
