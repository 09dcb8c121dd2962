import { rmdirSync } from "node:fs";
import { join } from "node:path";
import type { BrokerName } from "./names.ts";

/** What belongs to one broker: record, configuration, data, logs. */
export const folderOf = (home: string, name: BrokerName) => join(home, name);

/** Held while a broker is being started or taken down. */
export const lockOf = (home: string, name: BrokerName) => join(home, "locks", `${name}.lock`);

/** Removes the folders that hold nothing any more. */
export function removeEmptyFolders(home: string): void {
  for (const folder of [join(home, "locks"), home]) {
    try {
      rmdirSync(folder);
    } catch {
      // Not empty, or not there: both are fine.
    }
  }
}
