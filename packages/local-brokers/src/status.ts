import type { BrokerName } from "./names.ts";

/**
 * - `up`: it answers in its own protocol.
 * - `starting`: its process runs but does not answer yet (or is paused).
 * - `failed`: it was started here and its process is gone, or the environment names one that does not answer.
 * - `down`: there is none.
 */
export type BrokerState = "up" | "down" | "starting" | "failed";

/**
 * Where a broker comes from.
 *
 * - `environment`: named by a variable such as `WAYBILL_KAFKA_URL`.
 * - `listening`: found on its port, started by somebody else.
 * - `container`: started here, in a container engine.
 * - `native`: started here, as a plain process.
 */
export type BrokerOrigin = "environment" | "listening" | "container" | "native";

export interface BrokerStatus {
  readonly name: BrokerName;
  readonly state: BrokerState;
  /** What Waybill's `connect` takes; with the secrets it was given, so take care where it is printed. */
  readonly url: string | null;
  /** The broker's own version, where it tells. */
  readonly version: string | null;
  readonly how: BrokerOrigin | null;
}
