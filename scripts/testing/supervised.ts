import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { root } from "../workspace.ts";

export interface SupervisedOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Ends the program, and all that it started and did not detach. */
  readonly signal: AbortSignal;
  /** Gets each line of the output. Default: the program has this terminal. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** How long a program may take to end by itself once it was told to. */
const endTimeoutMs = 10_000;

/** How long the rest of its output is waited for after its end, in milliseconds. */
const outputTimeoutMs = 5_000;

/** Runs a program of this repository from its root, as the head of a process group; resolves to its exit code. */
export function runSupervised(
  program: string,
  args: readonly string[],
  { env, signal, onLine }: SupervisedOptions,
): Promise<number> {
  if (signal.aborted) return Promise.resolve(1);
  return new Promise((resolve, reject) => {
    const output = onLine === undefined ? "inherit" : "pipe";
    const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", output, output], detached: true });
    let killTimer: NodeJS.Timeout | undefined;
    const end = () => {
      killGroup(child.pid, "SIGTERM");
      killTimer = setTimeout(() => killGroup(child.pid, "SIGKILL"), endTimeoutMs);
    };
    signal.addEventListener("abort", end, { once: true });
    if (onLine !== undefined)
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream as Readable }).on("line", onLine);
    child.once("error", reject);
    child.once("exit", (code) => {
      signal.removeEventListener("abort", end);
      clearTimeout(killTimer);
      // What it started and left behind would hold the output open.
      if (signal.aborted) killGroup(child.pid, "SIGKILL");
      const lastWords = setTimeout(() => resolve(code ?? 1), outputTimeoutMs);
      child.once("close", () => {
        clearTimeout(lastWords);
        resolve(code ?? 1);
      });
    });
  });
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in it.
  }
}
