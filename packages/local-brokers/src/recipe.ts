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
  /** Where such a URL points to; null where that cannot be told. */
  endpoint(url: string): Endpoint | null;
  /** Asks whatever listens there, in the broker's own protocol; never throws. */
  probe(endpoint: Endpoint, timeoutMs: number): Promise<Probe>;
  /** Whether what it confirmed is still there after SIGKILL and a new start. */
  readonly keepsData: boolean;
  /** The version of the image in `compose.yaml`; null where it is to be started natively even if an engine runs. */
  imageVersion(environment: NodeJS.ProcessEnv): string | null;
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

/** A helper's process. */
export interface CompanionPlan extends ProcessPlan {
  /** The port of this computer that it listens on before the broker is started; it need not have one. */
  readonly listensOn?: number;
}

export interface NativePlan {
  readonly version: string;
  /** What reaches it, where the port alone does not say it all. */
  readonly url?: string;
  /** Helpers that outlive a kill of the broker and are ended with it, such as Erlang's port mapper. */
  readonly companions: readonly CompanionPlan[];
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
