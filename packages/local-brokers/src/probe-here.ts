import type { Probe } from "./network/probe.ts";
import type { BrokerRecipe } from "./recipe.ts";

/** How long a probe may take: brokers on one computer answer in milliseconds, paused ones never. */
export const probeTimeoutMs = 2000;

/** Asks what listens on this port of this computer. */
export function probeHere(recipe: BrokerRecipe, port: number): Promise<Probe> {
  return recipe.probe({ host: "127.0.0.1", port }, probeTimeoutMs);
}
