import type { BrokerProcess } from "@waybill/conformance";
import { type BrokerName, control } from "@waybill/local-brokers";
import { statusOfRunning } from "./broker-status.ts";
import { mayKillBrokers } from "./may-kill.ts";

export interface LocalBroker {
  readonly url: string;
  /** As it tells it; of a cloud service, which emulator: `emulator` (its own), `pstest`. */
  readonly version: string | null;
  readonly extras: { readonly broker?: BrokerProcess };
}

/** Where a broker is, and power over its process where tests may use it. For `conformance.broker.test.ts`. */
export async function localBroker(name: BrokerName): Promise<LocalBroker> {
  const [status] = await statusOfRunning([name]);
  if (!status?.url || status.state !== "up")
    throw new Error(`${name} is not up: npx waybill brokers up ${name}`);
  const { url, version } = status;
  if (!mayKillBrokers()) return { url, version, extras: {} };
  // One that the environment names is somebody else's process: the suite says what it could not run there.
  const broker = await control(name).catch(() => undefined);
  // One that forgets everything when it is killed is no broker that crashed.
  return { url, version, extras: broker?.keepsData ? { broker } : {} };
}
