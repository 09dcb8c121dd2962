import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { modulesIn } from "../../scripts/check/snippets.ts";
import { read, root } from "../../scripts/workspace.ts";

const folder = join(root, ".cache", "getting-started");
const [steps = "", needs = ""] = modulesIn(read("docs/getting-started.md")).values();

beforeAll(() => void mkdirSync(folder, { recursive: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the first program of the README", () => {
  const readme = read("README.md");
  const [first = ""] = modulesIn(readme).values();
  const [publishes = ""] = /^await client\.publish\(OrderPlaced.*$/m.exec(readme) ?? [];

  it("stays up until it is told to stop, and ends well then", { timeout: 60_000 }, async () => {
    const told = first.replace(/^process\.once\(.*$/m, '$&\nconsole.log("it is up");');
    const program = run("readme-alone.ts", `${told}\nconsole.log("it has ended");\n`);
    await program.prints("it is up");
    expect(await Promise.race([program.ended, sleep(1_000, "it runs")])).toBe("it runs");
    expect(program.printed()).not.toContain("it has ended");
    program.signal("SIGTERM");
    await program.prints("it has ended");
    expect(await program.ended).toBe(0);
  });

  it("handles what the second one publishes", { timeout: 60_000 }, async () => {
    expect(publishes).not.toBe("");
    // The embedded broker is within one process, so the second program's only line joins the first.
    const both = first.replace(/^process\.once\("SIGTERM"/m, `${publishes}\n$&`);
    expect(both).toContain(publishes);
    const program = run("readme.ts", both);
    await program.prints("attempt 1 to charge 42");
    program.signal("SIGTERM");
    expect(await program.ended).toBe(0);
    expect(program.printed()).toBe("attempt 1 to charge 42\n");
  });
});

describe("the steps of getting started, pasted in order", () => {
  it("are a program that handles what it publishes, redrives what failed and ends when it is told to", {
    timeout: 90_000,
  }, async () => {
    const program = run("steps.ts", steps);
    await program.prints("attempt 1 to charge 42");
    await program.prints("to c-7: Your receipt");
    await program.prints('was put into "orders.placed..shipping..dead"');
    program.signal("SIGHUP");
    await program.prints("1 brought back");
    program.signal("SIGTERM");
    expect(await program.ended).toBe(0);
  });

  it("end by themselves where nothing is subscribed", async () => {
    const program = run("needs.ts", needs);
    expect({ code: await program.ended, printed: program.printed() }).toEqual({ code: 0, printed: "" });
  });
});

function run(name: string, code: string) {
  const path = join(folder, name);
  writeFileSync(path, code);
  const child = spawn(process.execPath, ["--conditions=@waybill/source", path], {
    env: { ...process.env, BROKER_URL: "memory:", NO_COLOR: "1" },
    timeout: 60_000,
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (printed += text));
  const ended = once(child, "exit").then(([code]) => code as number | null);
  return {
    printed: () => printed,
    ended,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    prints: (text: string) =>
      expect.poll(() => printed, { timeout: 30_000, message: "what it printed" }).toContain(text),
  };
}
