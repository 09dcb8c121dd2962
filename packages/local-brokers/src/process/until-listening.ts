import { setTimeout as sleep } from "node:timers/promises";
import { exchange } from "../network/exchange.ts";
import { BrokerProblem } from "../problem.ts";
import type { CompanionPlan } from "../recipe.ts";

const pollMs = 50;
const listenTimeoutMs = 60_000;

/**
 * Waits until a helper takes connections, where it is one that does.
 *
 * @throws BrokerProblem if it does not within a minute
 */
export async function untilListening({ listensOn: port, log }: CompanionPlan): Promise<void> {
  if (port === undefined) return;
  const deadline = Date.now() + listenTimeoutMs;
  while (!(await takesConnections(port))) {
    if (Date.now() > deadline) {
      throw new BrokerProblem(`nothing listens on port ${port} after ${listenTimeoutMs / 1000} s`, {
        remedy: `read ${log}`,
      });
    }
    await sleep(pollMs);
  }
}

async function takesConnections(port: number): Promise<boolean> {
  const nothing = Buffer.alloc(0);
  return (await exchange({ host: "127.0.0.1", port }, nothing, () => true, pollMs)).kind === "connected";
}
