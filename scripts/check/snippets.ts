import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { capture } from "../command.ts";
import { read, root } from "../workspace.ts";
import { pages } from "./documents.ts";
import type { Step } from "./step.ts";

const folder = join(root, ".cache", "snippets");

/**
 * Every ```ts block of every page is a module of its own and must compile against
 * the packages. ```ts continued goes on from the block before it; ```ts no-check is
 * left alone, and says so where readers see it.
 */
export const snippets: Step = {
  title: "Documents: TypeScript blocks compile",
  async run() {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const page of pages()) {
      for (const [line, code] of modulesIn(read(page))) {
        const name = `${page.replaceAll(/[/.]/g, "_")}_line_${line}.ts`;
        writeFileSync(join(folder, name), `${code}\nexport {};\n`);
      }
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const { code, output } = await capture("tsc", ["-p", folder, "--pretty", "false"]);
    return code === 0 ? [] : [output.replaceAll(".cache/snippets/", "")];
  },
};

const settings = {
  extends: "../../tsconfig.base.json",
  compilerOptions: {
    noEmit: true,
    customConditions: ["@waybill/source"],
    allowImportingTsExtensions: true,
    noUnusedLocals: false,
    noUnusedParameters: false,
  },
  include: ["."],
};

/** The modules of one page, as a reader would paste them: the line of the first block, and the code. */
export function modulesIn(markdown: string): ReadonlyMap<number, string> {
  const modules = new Map<number, string>();
  let current = 0;
  for (const block of markdown.matchAll(/^```ts(.*)\n([\s\S]*?)^```$/gm)) {
    const [, info = "", code = ""] = block;
    if (info.trim() === "no-check") continue;
    if (info.trim() !== "continued") current = markdown.slice(0, block.index).split("\n").length;
    modules.set(current, (modules.get(current) ?? "") + code);
  }
  return modules;
}
