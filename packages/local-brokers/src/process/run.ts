import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { BrokerProblem } from "../problem.ts";

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

const keptLines = 20;

/**
 * Runs a command to its end and returns what it printed on both streams.
 *
 * @throws BrokerProblem with the last lines printed, if it cannot be run or ends with another code than 0
 */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, output } = await runAnyway(command, args, options);
  if (code === 0) return output;
  throw new BrokerProblem(`\`${[command, ...args].join(" ")}\` ended with ${code}`, {
    log: lastLines(output),
  });
}

/** As `run`, but an end with another code than 0 is an answer too; only a command that cannot be run throws. */
export function runAnyway(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<{ code: number | string; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (chunk: string) => {
      output += chunk;
    };
    child.stdout.setEncoding("utf8").on("data", collect);
    child.stderr.setEncoding("utf8").on("data", collect);
    child.once("error", (cause) =>
      reject(new BrokerProblem(`\`${command}\` cannot be run: ${cause.message}`, { cause })),
    );
    child.once("close", (code, signal) => resolve({ code: code ?? signal ?? "no exit code", output }));
  });
}

/** The end of a long text, in whole lines and without colours. */
export function lastLines(text: string, count = keptLines): string {
  return stripVTControlCharacters(text).trimEnd().split("\n").slice(-count).join("\n");
}
