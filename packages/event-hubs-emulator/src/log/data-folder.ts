import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConsumerGroup, Hub, HubDescription } from "../namespace/hub.ts";
import { keyOf } from "../namespace/names.ts";
import { FolderLock } from "./folder-lock.ts";
import { SegmentFiles } from "./segment-files.ts";

const DESCRIPTION = "hub.json";
const REMOVED = "removed-";
/** What `hub.json` holds. */
interface SavedHub {
  readonly description: HubDescription;
  readonly groups: ConsumerGroup[];
}

/** Folder names longer than this are not possible everywhere. */
const MAX_FOLDER_NAME = 120;

/**
 * Where hubs are kept across restarts: a folder for each, with its description and
 * a folder for each partition. Used by one process at a time.
 */
export class DataFolder {
  readonly #hubs: string;
  readonly #fsync: boolean;
  readonly #lock: FolderLock;

  constructor(path: string, fsync: boolean) {
    this.#hubs = join(path, "hubs");
    this.#fsync = fsync;
    mkdirSync(this.#hubs, { recursive: true });
    this.#lock = new FolderLock(path);
  }

  *load(): Generator<SavedHub> {
    for (const name of readdirSync(this.#hubs)) {
      const folder = join(this.#hubs, name);
      const file = join(folder, DESCRIPTION);
      if (name.startsWith(REMOVED)) rmSync(folder, { recursive: true, force: true });
      else if (existsSync(file)) yield readDescription(file);
    }
  }

  save({ description, groups }: Hub): void {
    const folder = this.#folderOf(description.name);
    mkdirSync(folder, { recursive: true });
    const temporary = join(folder, `${DESCRIPTION}.new`);
    const saved: SavedHub = { description, groups };
    writeFileSync(temporary, JSON.stringify(saved), { flush: this.#fsync });
    renameSync(temporary, join(folder, DESCRIPTION));
  }

  /** The folder is gone under its name at once, so that a hub made again begins empty. */
  remove({ name }: Hub): void {
    const away = join(this.#hubs, `${REMOVED}${randomUUID()}`);
    renameSync(this.#folderOf(name), away);
    rmSync(away, { recursive: true, force: true });
  }

  segments(hub: string, partition: string): SegmentFiles {
    return new SegmentFiles(join(this.#folderOf(hub), partition), this.#fsync);
  }

  close(): void {
    this.#lock.release();
  }

  /** Names differ by more than case, so their lower case will do; the long ones by a hash. */
  #folderOf(hub: string): string {
    const key = keyOf(hub);
    const hash = createHash("sha256").update(key).digest("hex").slice(0, 32);
    return join(
      this.#hubs,
      key.length > MAX_FOLDER_NAME ? `${key.slice(0, MAX_FOLDER_NAME - 33)}~${hash}` : key,
    );
  }
}

function readDescription(file: string): SavedHub {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`);
  }
}
