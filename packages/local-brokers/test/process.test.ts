import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { identify, isAlive } from "../src/process/identity.ts";
import { launch } from "../src/process/launch.ts";
import { runAnyway } from "../src/process/run.ts";
import { killAndWait, signal } from "../src/process/signal.ts";
import { untilGone } from "../src/process/until-gone.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const plan = (log: string, script: string) => ({
  command: process.execPath,
  args: ["-e", script],
  env: { GREETING: "hello" },
  log,
});

describe("a launched process", () => {
  it("is known by its pid and its start, and is gone after a kill", async () => {
    const identity = await launch(plan(join(temporaryFolder(), "log"), "setInterval(() => {}, 1000)"));
    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, started: "at another time" })).toBe(false);
    await killAndWait(identity);
    expect(isAlive(identity)).toBe(false);
    await killAndWait(identity);
  });

  it("gets the environment of its plan only, and writes to its log", async () => {
    const log = join(temporaryFolder(), "deep/log");
    const identity = await launch(plan(log, "console.log(JSON.stringify(process.env))"));
    while (isAlive(identity)) await sleep(10);
    expect(JSON.parse(readFileSync(log, "utf8"))).toEqual({ GREETING: "hello" });
  });

  it("that cannot be run is a problem that names it", async () => {
    const missing = { ...plan(join(temporaryFolder(), "log"), ""), command: "/nowhere/broker" };
    await expect(launch(missing)).rejects.toThrow("/nowhere/broker cannot be run");
  });
});

describe("a signal", () => {
  it("never reaches a process that only has the same pid", () => {
    const impostor = { pid: process.pid, started: "at another time" };
    expect(signal(impostor, "SIGKILL")).toBe(false);
  });

  it("goes to nobody where nobody runs", () => {
    expect(identify(2 ** 22 + 1)).toBeNull();
    expect(signal({ pid: 2 ** 22 + 1, started: "long ago" }, "SIGKILL")).toBe(false);
  });
});

describe("what was killed", () => {
  it("is waited for, and not for ever", async () => {
    let looks = 0;
    await untilGone("the container", async () => ++looks < 3);
    expect(looks).toBe(3);
    await expect(untilGone("the container", () => true, 20)).rejects.toThrow(
      "the container is still there 20 ms after SIGKILL",
    );
  });
});

describe("a command", () => {
  it("answers with its exit code and everything it printed", async () => {
    const result = await runAnyway(process.execPath, [
      "-e",
      "console.log('a'); console.error('b'); process.exit(3)",
    ]);
    expect(result.code).toBe(3);
    expect(result.output.split("\n").toSorted()).toEqual(["", "a", "b"]);
  });
});
