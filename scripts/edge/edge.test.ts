import { describe, expect, it } from "vitest";
import { bundleForBrowser } from "./bundle.ts";
import { runBare } from "./run-bare.ts";

const program = 'export { run } from "./scripts/edge/program.ts";';

describe("core and the embedded broker in a browser or at the edge", () => {
  it("are bundled without a Node built-in, and work where Node's globals are not", async () => {
    expect(await runBare(await bundleForBrowser(program))).toEqual({
      received: ["o-1", "o-2", "ünïcode"],
      attempts: [1, 2, 3],
      deadLettered: { body: '"impossible"', attempts: 3 },
      inOrder: [0, 1, 2, 3, 4],
      reply: 42,
      status: "up",
    });
  });
});

describe("this proof", () => {
  it("refuses an import of a Node built-in", async () => {
    await expect(bundleForBrowser('export { readFile } from "node:fs";')).rejects.toThrow("node:fs");
    await expect(bundleForBrowser('export { readFile } from "fs";')).rejects.toThrow("fs");
  });

  it.each([
    ["process", "process.env"],
    ["Buffer", 'Buffer.from("x")'],
    ["setImmediate", "setImmediate(() => {})"],
    ["require", 'require("fs")'],
    ["global", "global.x"],
    ["timer objects", "setTimeout(() => {}).unref()"],
  ])("fails on %s", async (name, expression) => {
    const source = `export const run = () => (0, eval)(${JSON.stringify(expression)});`;
    await expect(runBare(source)).rejects.toThrow(name === "timer objects" ? "unref" : name);
  });
});
