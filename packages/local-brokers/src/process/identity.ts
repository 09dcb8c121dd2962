import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** A process that was seen alive. The pid alone would not do: systems give a pid to somebody else after a while. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own terms; differs for another process with the same pid. */
  readonly started: string;
}

/** Who runs under this pid now; null where nobody does. A zombie, dead but not yet collected, is nobody. */
export function identify(pid: number): ProcessIdentity | null {
  const started = process.platform === "linux" ? startedOnLinux(pid) : startedElsewhere(pid);
  return started === null ? null : { pid, started };
}

/** Whether that very process still runs. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return identify(pid)?.started === started;
}

function startedOnLinux(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in parentheses and may hold any character, so count from its end.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const threads = Number(fields[16]);
    const ticksSinceBoot = fields[18];
    // The first thread of a killed process is a zombie as soon as it is dead itself; sockets and files are open
    // until the last one is.
    if (state === "X" || (state === "Z" && threads <= 1)) return null;
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot}/${ticksSinceBoot}`;
  } catch {
    return null;
  }
}

function startedElsewhere(pid: number): string | null {
  try {
    const [state, ...started] = execFileSync("ps", ["-o", "state=,lstart=", "-p", String(pid)], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    })
      .trim()
      .split(/\s+/);
    return state === undefined || state.startsWith("Z") ? null : started.join(" ");
  } catch {
    return null;
  }
}
