import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where servers are installed, and which a user's PATH often lacks. */
const serverFolders = ["/usr/sbin", "/usr/local/sbin", "/sbin", "/opt/homebrew/sbin"];

/** The full path of a program, or null where the computer has none. */
export function findOnPath(program: string, environment: NodeJS.ProcessEnv): string | null {
  const folders = [...(environment.PATH ?? "").split(delimiter).filter(Boolean), ...serverFolders];
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? null;
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
