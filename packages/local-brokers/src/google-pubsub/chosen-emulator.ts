import { BrokerProblem } from "../problem.ts";

/** The emulators of the service: Google's own, and `pstest` of its Go client. */
export const pubsubEmulators = ["google", "pstest"] as const;

export type PubsubEmulator = (typeof pubsubEmulators)[number];

/** The variable that chooses one of them. */
export const emulatorVariable = "WAYBILL_GOOGLE_PUBSUB_EMULATOR";

/**
 * The one the environment chooses; null where either will do.
 *
 * @throws BrokerProblem if there is no such emulator
 */
export function chosenEmulator(environment: NodeJS.ProcessEnv): PubsubEmulator | null {
  const chosen = environment[emulatorVariable];
  if (!chosen) return null;
  const found = pubsubEmulators.find((name) => name === chosen);
  if (found !== undefined) return found;
  throw new BrokerProblem(`${emulatorVariable}=${chosen} names no emulator of Google Pub/Sub`, {
    broker: "google-pubsub",
    remedy: `set it to ${pubsubEmulators.join(" or ")}, or unset it`,
  });
}
