import { setTimeout as sleep } from "node:timers/promises";
import { BrokerProblem } from "../problem.ts";

const pollMs = 10;
const killTimeoutMs = 10_000;

/**
 * Waits until what was killed is gone.
 *
 * @param name what to call it in an error
 * @throws BrokerProblem if it is still there after `timeoutMs`, by default ten seconds
 */
export async function untilGone(
  name: string,
  isThere: () => boolean | Promise<boolean>,
  timeoutMs = killTimeoutMs,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (await isThere()) {
    if (Date.now() > deadline) {
      throw new BrokerProblem(`${name} is still there ${timeoutMs} ms after SIGKILL`, {
        remedy: "wait until this computer is less busy, and try again",
      });
    }
    await sleep(pollMs);
  }
}
