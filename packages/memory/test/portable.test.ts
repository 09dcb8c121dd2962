import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { expect, test } from "vitest";

const source = new URL("../src/", import.meta.url).pathname;

test("nothing but the conformance target needs what only Node has", async () => {
  const found: string[] = [];
  for await (const file of glob("**/*.ts", { cwd: source })) {
    if (file === "conformance.ts") continue;
    // What is taken from `globalThis` only where it is there does no harm.
    const text = readFileSync(source + file, "utf8");
    if (/"node:|\bBuffer\.|\bprocess\.[a-z]|NodeJS\./.test(text)) found.push(file);
  }
  expect(found).toEqual([]);
});
