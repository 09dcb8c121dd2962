import { setTimeout as sleep } from "node:timers/promises";
import { probeHere } from "./probe-here.ts";
import { BrokerProblem } from "./problem.ts";
import type { BrokerRecipe } from "./recipe.ts";
import type { Started } from "./started/started.ts";

const pollMs = 50;

/**
 * Waits until a broker that was started here answers in its own protocol.
 *
 * @throws BrokerProblem, with the end of its log, if it ends or does not answer in time
 */
export async function untilReady(
  recipe: BrokerRecipe,
  started: Pick<Started, "isRunning" | "log">,
  port: number,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const fail = async (what: string) =>
    new BrokerProblem(`${recipe.title} ${what}`, { broker: recipe.name, log: await started.log() });
  for (;;) {
    const probe = await probeHere(recipe, port);
    // Asked after the probe: what answered may be somebody else on the same port, while ours has ended.
    if (!(await started.isRunning())) throw await fail("ended while it was starting");
    if (probe.kind === "speaks" && probe.ready) return;
    if (Date.now() > deadline)
      throw await fail(`does not answer on port ${port} after ${timeoutMs / 1000} s`);
    await sleep(pollMs);
  }
}
