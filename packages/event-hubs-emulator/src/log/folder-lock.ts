import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Keeps a second process out of a folder. A process that was killed leaves its lock
 * behind; it is told by its process id and, where `/proc` says so, the time that
 * process began.
 */
export class FolderLock {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = join(folder, "lock");
    const holder = this.#holder();
    if (holder !== undefined) {
      throw new Error(
        `The folder ${folder} is in use by the process ${holder}. Stop it, or name another folder.`,
      );
    }
    writeFileSync(this.#file, `${process.pid} ${lookAt(process.pid)?.begin ?? ""}\n`);
  }

  release(): void {
    rmSync(this.#file, { force: true });
  }

  #holder(): number | undefined {
    let text: string;
    try {
      text = readFileSync(this.#file, "utf8");
    } catch {
      return undefined;
    }
    const [pid = 0, begin = ""] = [Number(text.split(" ")[0]), text.split(" ")[1]?.trim()];
    if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return undefined;
    const now = lookAt(pid);
    if (now === undefined) return pid;
    return now.hasEnded || (begin !== "" && begin !== now.begin) ? undefined : pid;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * What `/proc` knows of a process; undefined where there is no such thing. A process
 * that was killed stays there, ended, until its parent takes note.
 */
function lookAt(pid: number): { begin: string; hasEnded: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { begin: fields[18] ?? "", hasEnded: state === "Z" || state === "X" };
  } catch {
    return undefined;
  }
}
