import { withLock } from "../process/lock.ts";
import type { NativeSite } from "../recipe.ts";

/** Something that is downloaded or built the first time a broker needs it. */
export interface Installation {
  /** What is installed, for messages. */
  readonly name: string;
  /** What is done for it, as in `downloading kafka with Maven`. */
  readonly doing: string;
  /** Whether it is there in full. */
  isComplete(): boolean;
  /** Makes it in another place, and gives it its own only when it is whole. */
  install(): Promise<void>;
}

/** Sees to it that something is installed at this path. Whoever comes second waits for who came first. */
export async function installOnce(
  path: string,
  { name, doing, isComplete, install }: Installation,
  { progress }: NativeSite,
): Promise<void> {
  await withLock(
    `${path}.lock`,
    async () => {
      if (!isComplete()) await progress.during(`${doing} (once)`, install);
    },
    (holder) => progress.say(`waiting for ${name}, which ${holder} is installing`),
  );
}
