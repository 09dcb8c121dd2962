import { fileURLToPath } from "node:url";

const fromSource = import.meta.url.endsWith(".ts");

/** A module of this package, without its extension, as a program for the Node that runs now. */
export function ownProgram(module: URL, args: readonly string[]) {
  const file = fileURLToPath(module) + (fromSource ? ".ts" : ".js");
  return nodeProgram(file, args);
}

/** A JavaScript file as a program for the Node that runs now: the one on PATH may be older. */
export function nodeProgram(file: string, args: readonly string[]) {
  return {
    command: process.execPath,
    args: [...nodeFlags(), file, ...args],
    env: { LANG: "C.UTF-8", NODE_NO_WARNINGS: "1" },
  };
}

/** Node 22 has SQLite, and until 22.13 only if it is asked for. */
function nodeFlags(): readonly string[] {
  const flag = "--experimental-sqlite";
  return process.allowedNodeEnvironmentFlags.has(flag) ? [flag] : [];
}
