import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../workspace.ts";

/** What the model needs to run. */
const packages = ["core", "conformance", "memory"];
const installed = ["fast-check", "pure-rand"];
const programs = 15_000;
const seed = 1;

/** Whether programs fail with this fault in the sources, and what was printed. */
export function runFault(patch: string): { readonly found: boolean; readonly output: string } {
  const copy = mkdtempSync(join(tmpdir(), "waybill-model-"));
  try {
    copySources(copy);
    const applied = spawnSync("git", ["apply", patch], { cwd: copy, encoding: "utf8" });
    if (applied.status !== 0) return { found: false, output: `The patch does not apply: ${applied.stderr}` };
    const args = ["scripts/model.ts", "--programs", String(programs), "--seed", String(seed), "--first"];
    const run = spawnSync(process.execPath, ["--conditions=@waybill/source", ...args], {
      cwd: copy,
      encoding: "utf8",
    });
    const output = `${run.stdout}${run.stderr}`;
    return { found: run.status !== 0 && output.includes("a program fails"), output };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function copySources(copy: string): void {
  cpSync(join(root, "package.json"), join(copy, "package.json"));
  cpSync(join(root, "scripts"), join(copy, "scripts"), { recursive: true });
  mkdirSync(join(copy, "node_modules/@waybill"), { recursive: true });
  for (const name of packages) {
    cpSync(join(root, "packages", name, "src"), join(copy, "packages", name, "src"), { recursive: true });
    cpSync(join(root, "packages", name, "package.json"), join(copy, "packages", name, "package.json"));
    symlinkSync(join("../../packages", name), join(copy, "node_modules/@waybill", name));
  }
  for (const name of installed)
    symlinkSync(join(root, "node_modules", name), join(copy, "node_modules", name));
}
