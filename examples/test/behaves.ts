import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { demoSummary, expected, refused, refusedByEmulator } from "./expected.ts";
import { runExample } from "./run-example.ts";

const folder = new URL("..", import.meta.url);

/** Every numbered example and the demo, on one broker. */
export function examplesBehave(broker: string, url: string): void {
  describe(`the examples on ${broker}`, () => {
    const numbered = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name));

    it("are all expected to print something", () => {
      expect(Object.keys(expected)).toEqual(numbered.sort());
    });

    const refusals = refused[broker] ?? {};
    it.for(numbered.filter((name) => !(name in refusals)))("%s prints what it should", async (name) => {
      const lacking = refusedByEmulator[broker]?.[name];
      const { printed, error } = await runExample(name, url);
      if (lacking !== undefined && error !== "") expect(error).toMatch(lacking);
      else expect({ printed, error }).toEqual({ printed: expected[name], error: "" });
    });

    it.for(Object.entries(refusals))("%s is refused before anything is sent", async ([name, reason]) => {
      const { printed, error } = await runExample(name, url);
      expect(error).toMatch(reason);
      expect(printed).toEqual([]);
    });

    it("the shop ends with the counts of what it did", async () => {
      const { printed, error } = await runExample("shop/main.ts", url);
      expect(error).toBe("");
      expect(JSON.parse(printed.at(-1) ?? "")).toEqual(demoSummary);
    });
  });
}
