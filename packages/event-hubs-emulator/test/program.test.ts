import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { readConfigFile } from "../src/config-file.ts";
import { main } from "../src/main.ts";

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const err = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const said = (spy: typeof out): string => spy.mock.calls.map(([text]) => text).join("");
  try {
    const code = await main(argv);
    return { code, out: said(out), err: said(err) };
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
}

function configFile(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), "event-hubs-emulator-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "config.json");
  writeFileSync(file, content);
  return file;
}

test("says what is wrong with how it was called", async () => {
  expect(await run("--help")).toMatchObject({ code: 0, out: expect.stringContaining("--data <folder>") });
  for (const [argv, problem] of [
    [["--port", "70000"], "--port must be a number from 0 to 65535"],
    [["--bogus"], "--bogus"],
    [["--fsync"], "--fsync needs --data"],
    [["--host", "0.0.0.0"], "A key of your own is needed"],
    [["--config", "/nowhere/config.json"], "cannot be read"],
    [["--config", configFile("{}")], "UserConfig.NamespaceConfig must be a list"],
  ] as const) {
    expect(await run(...argv)).toMatchObject({ code: 1, err: expect.stringContaining(problem) });
  }
});

test("reads the configuration file of Microsoft's emulator", () => {
  const entities = [
    { Name: "eh1", PartitionCount: "2", ConsumerGroups: [{ Name: "cg1" }, { Name: "cg2" }] },
    { Name: "eh2", PartitionCount: 3, MessageRetentionInDays: 2 },
  ];
  const file = configFile(
    JSON.stringify({
      UserConfig: { NamespaceConfig: [{ Type: "EventHub", Name: "ns", Entities: entities }] },
    }),
  );
  expect(readConfigFile(file)).toEqual([
    { name: "eh1", partitionCount: 2, consumerGroups: ["cg1", "cg2"] },
    { name: "eh2", partitionCount: 3, consumerGroups: [], retentionMs: 172_800_000 },
  ]);
});
