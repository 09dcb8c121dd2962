import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Report, Task } from "./task.ts";

/** A worker in a process of its own. */
export interface Worker {
  readonly pid: number;
  /** What it has reported so far, oldest first. */
  readonly reports: readonly Report[];
  /** Its exit: `code` is null when a signal ended it. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** What it wrote to its standard error. */
  readonly stderr: () => string;
  kill(signal: "SIGKILL" | "SIGTERM"): void;
}

/** Starts a worker; resolves once it consumes. */
export async function startWorker(task: Task): Promise<Worker> {
  const reports: Report[] = [];
  const child = spawn(process.execPath, [...sourceFlags(), programPath(), JSON.stringify(task)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const exited = exitOf(child);
  const worker: Worker = {
    pid: child.pid ?? 0,
    reports,
    exited,
    stderr: () => stderr,
    kill: (signal) => void child.kill(signal),
  };
  const ready = new Promise<void>((resolve, reject) => {
    child.on("message", (report: Report) => {
      reports.push(report);
      if (report.event === "ready") resolve();
      if (report.event === "failed") reject(new Error(`The worker failed: ${report.message}`));
    });
    exited.then(({ code, signal }) =>
      // A worker that was told to die may do so before it says that it is ready.
      reports.some((report) => report.event === "started")
        ? resolve()
        : reject(new Error(`The worker ended (${code ?? signal}) before it was ready. ${stderr}`)),
    );
  });
  await ready;
  return worker;
}

function exitOf(child: ChildProcess): Worker["exited"] {
  return new Promise((resolve) => {
    child.on("error", () => resolve({ code: 1, signal: null }));
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
}

const fromSource = import.meta.url.endsWith(".ts");
const programPath = () => fileURLToPath(new URL(fromSource ? "./worker.ts" : "./worker.js", import.meta.url));
/** When the suite runs from source, so does its child. */
const sourceFlags = () => (fromSource ? ["--conditions=@waybill/source"] : []);
