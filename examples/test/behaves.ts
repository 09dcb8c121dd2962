import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { demoSummary, expected } from "./expected.ts";
import { runExample } from "./run-example.ts";

const folder = new URL("..", import.meta.url);

/** Every numbered example and the demo, on one broker. */
export function examplesBehave(broker: string, url: string): void {
  describe(`the examples on ${broker}`, () => {
    const numbered = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name));

    it("are all expected to print something", () => {
      expect(Object.keys(expected)).toEqual(numbered.sort());
    });

    it.for(numbered)("%s prints what it should", async (name) => {
      expect(await runExample(name, url)).toEqual(expected[name]);
    });

    it("the shop ends with the counts of what it did", async () => {
      const lines = await runExample("shop/main.ts", url);
      expect(JSON.parse(lines.at(-1) ?? "")).toEqual(demoSummary);
    });
  });
}
