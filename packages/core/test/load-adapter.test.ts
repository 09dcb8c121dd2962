import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** What `connect(url)` says in a program of its own, which has only the packages below. */
describe("an adapter package", () => {
  let program = "";

  beforeAll(async () => {
    program = await mkdtemp(join(tmpdir(), "waybill-adapters-"));
    await cp(new URL("../src", import.meta.url), join(program, "core"), { recursive: true });
    await writePackage("@waybill/rabbitmq", "export const adapters = [];");
    await writePackage("@waybill/redis", 'import "no-such-client"; export const adapter = {};');
  });
  afterAll(() => rm(program, { recursive: true, force: true }));

  async function writePackage(name: string, source: string): Promise<void> {
    const folder = join(program, "node_modules", name);
    await mkdir(folder, { recursive: true });
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ name, type: "module", exports: "./index.js" }),
    );
    await writeFile(join(folder, "index.js"), source);
  }

  async function connecting(url: string): Promise<Record<string, string>> {
    const script = `
      import { connect } from ${JSON.stringify(pathToFileURL(join(program, "core", "index.ts")).href)};
      const { code, message } = await connect(${JSON.stringify(url)}).catch((error) => error);
      console.log(JSON.stringify({ code, message }));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    return JSON.parse(stdout);
  }

  it("that is not installed: the error holds the install command", async () => {
    expect(await connecting("kafka://localhost")).toEqual({
      code: "ADAPTER_MISSING",
      message:
        'The adapter package @waybill/kafka is not installed. Run: npm install @waybill/kafka (where a bundler or a strict package manager hides it, pass it: import { adapter } from "@waybill/kafka"; connect(url, { adapters: [adapter] }))',
    });
  });

  it("of another version, which exports no adapter, says so", async () => {
    const { code, message } = await connecting("amqp://localhost");
    expect(code).toBe("ADAPTER_MISSING");
    expect(message).toContain("no adapter of this version");
  });

  it("that lacks something itself is not said to be missing", async () => {
    const { code, message } = await connecting("redis://localhost");
    expect(code).toBe("ADAPTER_MISSING");
    expect(message).toContain("@waybill/redis cannot be loaded");
  });
});
