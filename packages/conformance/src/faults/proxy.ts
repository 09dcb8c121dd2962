import type { Endpoint } from "../target.ts";

/** A TCP proxy between a driver and its broker. */
export interface FaultProxy {
  /** Where drivers connect to: `target.driver(proxy.endpoint)`. */
  readonly endpoint: Endpoint;
  /** Resets every connection; new ones are taken again at once. */
  reset(): void;
  /** Resets every connection and refuses new ones until `heal`. */
  refuse(): void;
  /** Ends every fault that is in force. */
  heal(): void;
  close(): Promise<void>;
}

/** Opens a proxy in front of `to`, on a free port of this computer. */
export async function openProxy(_to: Endpoint): Promise<FaultProxy> {
  throw new Error("not written yet");
}
