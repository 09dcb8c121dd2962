import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identify, isAlive, type ProcessIdentity } from "./identity.ts";

const pollMs = 50;
const staleTakeoverMs = 10_000;

/**
 * Does the work while holding `file`, so that no other call, in this process or another, does it at the same time.
 * A lock whose holder is gone is taken over.
 *
 * @param onWait called once, with a word for the holder, if there is somebody to wait for
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait?: (holder: string) => void,
): Promise<T> {
  const self = identify(process.pid);
  if (self === null) throw new Error("this process cannot identify itself");
  for (let told = false; !tryCreate(file, self); await sleep(pollMs)) {
    const holder = readHolder(file);
    if (holder === null) continue;
    if (!isAlive(holder)) removeStale(file);
    else if (!told) {
      told = true;
      onWait?.(holder.pid === self.pid ? "another start" : `process ${holder.pid}`);
    }
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

/** Creates the lock with its content in one step: linking fails if the name exists, and is never half written. */
function tryCreate(file: string, self: ProcessIdentity): boolean {
  const draft = `${file}.${randomUUID()}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(draft, JSON.stringify(self));
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readHolder(file: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  } catch {
    return null;
  }
}

/**
 * Removes a lock whose holder is gone. Of several that saw it stale, only the one that holds the takeover file looks
 * again and removes it; otherwise a slow one could remove the lock that a quick one has just made.
 */
function removeStale(file: string): void {
  const takeover = `${file}.takeover`;
  try {
    writeFileSync(takeover, "", { flag: "wx" });
  } catch {
    // It is held for microseconds; one this old was left by a crash.
    const age = Date.now() - (statSync(takeover, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > staleTakeoverMs) rmSync(takeover, { force: true });
    return;
  }
  try {
    const holder = readHolder(file);
    if (holder !== null && !isAlive(holder)) rmSync(file, { force: true });
  } finally {
    rmSync(takeover, { force: true });
  }
}
