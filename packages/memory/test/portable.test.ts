import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { expect, test } from "vitest";

const source = new URL("../src/", import.meta.url).pathname;

test("nothing but the conformance target needs what only Node has", async () => {
  const found: string[] = [];
  for await (const file of glob("**/*.ts", { cwd: source })) {
    if (file === "conformance.ts") continue;
    if (/"node:|\bBuffer\b|\bprocess\.[a-z]/.test(readFileSync(source + file, "utf8"))) found.push(file);
  }
  expect(found).toEqual([]);
});
