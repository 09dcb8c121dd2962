import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../workspace.ts";
import { runFault } from "./run-fault.ts";

/** In a process of its own: it holds still what a program's run must not depend on. */
function model(...args: readonly string[]) {
  const command = ["--conditions=@waybill/source", join(root, "scripts/model.ts"), ...args];
  return spawnSync(process.execPath, command, { encoding: "utf8" });
}

describe("random programs", () => {
  it("keep the guarantees on every kind of broker", { timeout: 300_000 }, () => {
    const { status, stdout, stderr } = model("--programs", "500", "--seed", "1");
    expect(`${stdout}${stderr}`).not.toContain("a program fails");
    expect(status).toBe(0);
  });

  it("are refused for a kind of broker that there is not", () => {
    expect(model("--variant", "none")).toMatchObject({ status: 1 });
  });

  it("find a fault, and print what it comes down to and how to see it again", { timeout: 300_000 }, () => {
    const { found, output } = runFault(join(root, "scripts/model/faults/late-settlement-acks.patch"));
    expect(output).toMatch(/Again: npm run model -- --variant \S+( --seed \d+ --path \S+)?$/m);
    expect(found).toBe(true);
  });
});
