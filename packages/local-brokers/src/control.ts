import { lockOf } from "./home.ts";
import { readInstance, urlOf } from "./instance.ts";
import type { BrokerName } from "./names.ts";
import { type Endpoint, isThisComputer } from "./network/endpoint.ts";
import { BrokerProblem } from "./problem.ts";
import { withLock } from "./process/lock.ts";
import { untilReady } from "./ready.ts";
import type { BrokerCredential } from "./recipe.ts";
import { recipes } from "./registry.ts";
import { type BrokersOptions, type Settings, settingsOf, urlVariable } from "./settings.ts";
import { startedFrom } from "./started/from-instance.ts";
import type { Started } from "./started/started.ts";

/** Breaks a broker that was started here and starts it again, for fault tests. */
export interface BrokerControl {
  readonly name: BrokerName;
  /** What Waybill's `connect` takes. */
  readonly url: string;
  /** Whether what it confirmed outlives a kill. Some emulators hold everything in memory. */
  readonly keepsData: boolean;
  /** Where it listens; the same after every start. */
  readonly endpoints: readonly Endpoint[];
  /** Users it knows; empty for a broker in a container. */
  readonly credentials: readonly BrokerCredential[];
  /** SIGKILL to the broker's own process; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its port and data; resolves when it answers. Nothing where it runs already. */
  start(): Promise<void>;
  /** Stops the process without ending it: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/**
 * Control over a broker that `bringUp` started, in this process or another.
 *
 * @throws BrokerProblem if none of that name was started in this home; a broker that the environment names or that
 * was found listening belongs to somebody else
 */
export async function control(name: BrokerName, options: BrokersOptions = {}): Promise<BrokerControl> {
  const settings = settingsOf(options);
  const instance = instanceOf(name, settings);
  refuseAnotherNamed(name, instance.port, settings);
  // Read anew each time: another process may have started the broker again meanwhile.
  const started = () => startedFrom(instanceOf(name, settings), settings);
  return {
    name,
    url: urlOf(instance),
    keepsData: recipes[name].keepsData,
    endpoints: [{ host: "127.0.0.1", port: instance.port }],
    credentials: instance.how === "native" ? instance.credentials : [],
    kill: async () => started().kill(),
    start: () => withLock(lockOf(settings.home, name), () => startAndWait(name, started, settings)),
    pause: async () => started().pause(),
    resume: async () => started().resume(),
  };
}

function instanceOf(name: BrokerName, settings: Settings) {
  const instance = readInstance(settings.home, name);
  if (instance !== null) return instance;
  throw new BrokerProblem(`${name} was not started in ${settings.home}, so it cannot be controlled`, {
    broker: name,
    remedy: `start it: \`waybill brokers up ${name}\``,
  });
}

/** Tests use the broker the environment names; to break another one instead would let them pass for no reason. */
function refuseAnotherNamed(name: BrokerName, port: number, settings: Settings): void {
  const url = settings.urlFromEnvironment(name);
  const named = url === null ? null : recipes[name].endpoint(url);
  if (named === null || (named.port === port && isThisComputer(named.host))) return;
  throw new BrokerProblem(
    `${urlVariable(name)} names another ${name} than the one started here on port ${port}`,
    {
      broker: name,
      remedy: `unset ${urlVariable(name)}`,
    },
  );
}

async function startAndWait(name: BrokerName, started: () => Started, settings: Settings): Promise<void> {
  await started().start();
  await untilReady(recipes[name], started(), instanceOf(name, settings).port, settings.startTimeoutMs);
}
