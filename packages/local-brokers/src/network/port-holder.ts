import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const shownLength = 60;

/** Who listens on a local port, such as `node server.js (pid 812)`; null where the system does not tell. */
export function portHolder(port: number): string | null {
  try {
    const inodes = listeningInodes(port);
    if (inodes.size === 0) return null;
    for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
      if (holdsSocket(pid, inodes)) return `${commandLine(pid)} (pid ${pid})`;
    }
  } catch {
    // Only Linux has /proc, and only the owner may look into a process: the name is a courtesy.
  }
  return null;
}

const listening = "0A";

/** The socket inodes /proc/net lists as listening on `port`. */
function listeningInodes(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) =>
    readFileSync(table, "utf8").split("\n"),
  );
  const inodes = new Set<string>();
  for (const row of rows) {
    const [, local, , state, , , , , , inode] = row.trim().split(/\s+/);
    if (local?.endsWith(suffix) && state === listening && inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

function commandLine(pid: string): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, shownLength);
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    return false;
  }
}
