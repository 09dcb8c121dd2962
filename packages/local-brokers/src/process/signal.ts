import { isAlive, type ProcessIdentity } from "./identity.ts";
import { untilGone } from "./until-gone.ts";

/** Sends a signal to that very process; false where it is gone already. */
export function signal(target: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** Kills that very process with SIGKILL and waits until it is gone. Does nothing where it is gone already. */
export async function killAndWait(target: ProcessIdentity): Promise<void> {
  if (!signal(target, "SIGKILL")) return;
  await untilGone(`process ${target.pid}`, () => isAlive(target));
}
