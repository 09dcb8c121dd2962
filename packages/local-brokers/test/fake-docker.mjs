#!/usr/bin/env node
// Behaves as an engine with compose and one service: "containers" are fake Redis processes, remembered in HOME.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const args = process.argv.slice(2);
const home = process.env.HOME;
appendFileSync(join(home, "docker.log"), `${args.join(" ")}\n`);
if (args[0] === "info" || args.join(" ") === "compose version") process.exit(0);

const [, , , , project, command] = args;
const folder = join(home, "containers", project);
const pidFile = join(folder, "pid");
const pid = () => Number(readFileSync(pidFile, "utf8"));

const start = () => {
  const fake = fileURLToPath(new URL("fake-redis.mjs", import.meta.url));
  const child = spawn(process.execPath, [fake, join(folder, "conf")], { detached: true, stdio: "ignore" });
  writeFileSync(pidFile, String(child.pid));
  child.unref();
};
const running = () => {
  try {
    return (
      existsSync(pidFile) &&
      process.kill(pid(), 0) &&
      !/ Z /.test(readFileSync(`/proc/${pid()}/stat`, "utf8"))
    );
  } catch {
    return false;
  }
};
const commands = {
  up() {
    mkdirSync(join(folder, "data"), { recursive: true });
    writeFileSync(
      join(folder, "conf"),
      `port ${process.env.WAYBILL_REDIS_PORT}\ndir ${join(folder, "data")}\n`,
    );
    start();
  },
  start,
  kill: () => process.kill(pid(), "SIGKILL"),
  pause: () => process.kill(pid(), "SIGSTOP"),
  unpause: () => process.kill(pid(), "SIGCONT"),
  ps: () => console.log(running() ? "0123456789ab" : ""),
  logs: () => console.log("the log of the container"),
  down() {
    if (running()) process.kill(pid(), "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  },
};
commands[command]();
