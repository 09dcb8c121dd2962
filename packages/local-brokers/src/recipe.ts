import type { BrokerName } from "./names.ts";
import type { Endpoint } from "./network/endpoint.ts";
import type { Probe } from "./network/probe.ts";
import type { ProcessPlan } from "./process/launch.ts";
import type { Progress } from "./progress.ts";

/** How to recognise, start and reach one kind of broker. Adding a broker means writing one of these. */
export interface BrokerRecipe {
  readonly name: BrokerName;
  /** The name people know it by, for messages. */
  readonly title: string;
  readonly defaultPort: number;
  /** What Waybill's `connect` takes to reach it on this computer. */
  url(port: number): string;
  /** Asks whatever listens there, in the broker's own protocol; never throws. */
  probe(endpoint: Endpoint, timeoutMs: number): Promise<Probe>;
  /** The version of the image in `compose.yaml`, for brokers that do not tell their version themselves. */
  readonly imageVersion: string;
  /** Gets the programs (slow the first time only), writes configuration and empty data, and says what to run. */
  prepareNative(site: NativeSite): Promise<NativePlan>;
}

/** Where a natively started broker lives. */
export interface NativeSite {
  readonly port: number;
  /** Exists and is empty: for configuration, data and logs; removed when the broker is taken down. */
  readonly folder: string;
  /** Shared by all brokers and kept when they are taken down. */
  readonly downloads: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

export interface NativePlan {
  readonly version: string;
  /** Helpers that outlive a kill of the broker and are ended with it, such as Erlang's port mapper. */
  readonly companions: readonly ProcessPlan[];
  /** The broker's own process, the one to kill in a fault test: nothing may stand between it and its pid. */
  readonly broker: ProcessPlan;
  readonly credentials: readonly BrokerCredential[];
}

/** A user the started broker knows, for tests of authentication and authorisation. */
export interface BrokerCredential {
  readonly username: string;
  readonly password: string;
  /** The port that asks for credentials; not always the one in the URL. */
  readonly host: string;
  readonly port: number;
  /** SASL mechanisms where the protocol has them, else empty. */
  readonly mechanisms: readonly string[];
  /** `nothing`: it can log in, and every operation is refused. */
  readonly may: "everything" | "nothing";
}
