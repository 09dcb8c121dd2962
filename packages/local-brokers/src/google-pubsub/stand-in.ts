import { BrokerProblem } from "../problem.ts";

/** The two that stand in for the service: Google's emulator, and `pstest` of its Go client. */
export const pubsubStandIns = ["google", "pstest"] as const;

export type PubsubStandIn = (typeof pubsubStandIns)[number];

/** The variable that asks for one of them. */
export const standInVariable = "WAYBILL_GOOGLE_PUBSUB_STAND_IN";

/**
 * The one the environment asks for; null where either will do.
 *
 * @throws BrokerProblem if there is no such stand-in
 */
export function askedStandIn(environment: NodeJS.ProcessEnv): PubsubStandIn | null {
  const asked = environment[standInVariable];
  if (!asked) return null;
  const found = pubsubStandIns.find((name) => name === asked);
  if (found !== undefined) return found;
  throw new BrokerProblem(`${standInVariable}=${asked} names no stand-in`, {
    broker: "google-pubsub",
    remedy: `there are ${pubsubStandIns.join(" and ")}`,
  });
}
