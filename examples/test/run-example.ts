import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Runs one example as its own process, from source, and returns the lines it printed. */
export async function runExample(path: string, brokerUrl: string): Promise<readonly string[]> {
  const { stdout } = await run(process.execPath, ["--conditions=@waybill/source", path], {
    cwd: new URL("..", import.meta.url),
    env: { ...process.env, BROKER_URL: brokerUrl, NO_COLOR: "1" },
    timeout: 120_000,
  });
  return stdout.trimEnd().split("\n");
}
