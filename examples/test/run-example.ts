import { execFile } from "node:child_process";

export interface Run {
  readonly printed: readonly string[];
  /** What it ended with, if it failed; else empty. */
  readonly error: string;
}

/** Runs one example as its own process, from source, and tells the lines it printed. */
export function runExample(path: string, brokerUrl: string): Promise<Run> {
  const options = {
    cwd: new URL("..", import.meta.url),
    env: { ...process.env, BROKER_URL: brokerUrl, NO_COLOR: "1" },
    timeout: 120_000,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ["--conditions=@waybill/source", path], options, (failure, stdout, stderr) => {
      const printed = stdout === "" ? [] : stdout.trimEnd().split("\n");
      resolve({ printed, error: failure === null ? "" : stderr || failure.message });
    });
  });
}
