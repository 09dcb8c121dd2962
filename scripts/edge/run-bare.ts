import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const bareRuntime = fileURLToPath(new URL("bare-runtime.ts", import.meta.url));

/** How long the program may take, in milliseconds. */
const timeoutMs = 30_000;

/**
 * Runs a bundled module in a process without Node's globals and resolves to what its
 * `run()` gave.
 * @throws Error with what went wrong in there
 */
export function runBare(bundle: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bareRuntime], { stdio: "pipe", timeout: timeoutMs });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(errors || `The program ended with ${signal ?? `exit code ${code}`}.`));
    });
    child.stdin.end(bundle);
  });
}
