import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { runConformance } from "@waybill/conformance";
import type { Driver } from "@waybill/core/spi";
import { describe, expect, it } from "vitest";

interface Page {
  postOffice(office?: Map<string, unknown[]>): Driver;
  greet(name: string): Promise<string>;
}

const { postOffice, greet } = await theDriverOnThePage();

describe("the driver in docs/writing-an-adapter.md", () => {
  it("carries a greeting", async () => {
    expect(await greet("Ada")).toBe("Ada");
  });
});

const office = new Map<string, unknown[]>();
runConformance({
  runner: { describe, it },
  target: { adapter: "post-office", driver: () => postOffice(office) },
});

/** The page's first module: its first block, and the block that goes on from it. */
async function theDriverOnThePage(): Promise<Page> {
  const page = readFileSync(new URL("../../docs/writing-an-adapter.md", import.meta.url), "utf8");
  const blocks = [...page.matchAll(/^```ts.*\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
  const folder = new URL("../../.cache/documents/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL("minimal-driver.ts", folder);
  writeFileSync(file, `${blocks[0]}${blocks[1]}`);
  return import(file.href);
}
