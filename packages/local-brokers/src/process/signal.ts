import { setTimeout as sleep } from "node:timers/promises";
import { BrokerProblem } from "../problem.ts";
import { isAlive, type ProcessIdentity } from "./identity.ts";

const goneWithinMs = 10_000;

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
  const deadline = Date.now() + goneWithinMs;
  while (isAlive(target)) {
    if (Date.now() > deadline) throw new BrokerProblem(`process ${target.pid} does not end after SIGKILL`);
    await sleep(10);
  }
}
