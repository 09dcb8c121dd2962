import { spawn } from "node:child_process";
import { root } from "./workspace.ts";

export const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface CommandResult {
  readonly code: number;
  /** Standard output and error as they came. */
  readonly output: string;
  readonly stdout: string;
}

/** Runs a program of this repository quietly, from its root, and returns what it said. Never throws for an exit code. */
export function capture(program: string, args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output, stdout }));
  });
}
