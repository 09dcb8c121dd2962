import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { BrokerProblem } from "../problem.ts";
import { identify, type ProcessIdentity } from "./identity.ts";

/** What to run; kept on disk, so that a killed broker can be started again in just the same way. */
export interface ProcessPlan {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** File its output is appended to. */
  readonly log: string;
}

/** Starts a process that outlives this one, in a session of its own so that no Ctrl-C reaches it. */
export async function launch(plan: ProcessPlan): Promise<ProcessIdentity> {
  mkdirSync(dirname(plan.log), { recursive: true });
  const log = openSync(plan.log, "a");
  try {
    const child = spawn(plan.command, plan.args, {
      detached: true,
      env: { ...plan.env },
      cwd: "/",
      stdio: ["ignore", log, log],
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) =>
        reject(new BrokerProblem(`${plan.command} cannot be run: ${cause.message}`, { cause })),
      );
    });
    child.unref();
    const pid = child.pid as number;
    return identify(pid) ?? { pid, started: "ended at once" };
  } finally {
    closeSync(log);
  }
}
