import { readInstance } from "./instance.ts";
import type { BrokerName } from "./names.ts";
import { withoutPassword } from "./network/endpoint.ts";
import { BrokerProblem } from "./problem.ts";
import type { BrokerCredential } from "./recipe.ts";
import { recipes } from "./registry.ts";
import { type BrokersOptions, type Settings, settingsOf, urlVariable } from "./settings.ts";
import { startHere } from "./start-here.ts";
import type { BrokerStatus } from "./status.ts";
import { currentStatus } from "./status-of.ts";

export interface BringUpOutcome {
  readonly status: BrokerStatus;
  /** Users of a natively started broker, for tests of authentication; else empty. */
  readonly credentials: readonly BrokerCredential[];
  /** Why it is not up, or null where it is. */
  readonly problem: BrokerProblem | null;
}

/**
 * Sees to it that these brokers are up, and says how to reach them. What is up already is left as it is; what is not
 * is started, in a container where an engine runs, else natively. Brokers started here outlive this process.
 *
 * One broker that cannot start does not keep the others from starting: its outcome carries the problem.
 *
 * @throws BrokerProblem if an option makes no sense
 */
export async function bringUp(
  names: readonly BrokerName[],
  options: BrokersOptions = {},
): Promise<BringUpOutcome[]> {
  const settings = settingsOf(options);
  return Promise.all(names.map((name) => bringUpOne(name, settings)));
}

async function bringUpOne(name: BrokerName, settings: Settings): Promise<BringUpOutcome> {
  const named = settings.urlFromEnvironment(name) !== null;
  const problem = await problemOf(
    name,
    named ? () => checkNamed(name, settings) : () => startHere(name, settings),
  );
  const status = await currentStatus(name, settings);
  const instance = named ? null : readInstance(settings.home, name);
  return {
    status: problem !== null && status.state === "down" ? { ...status, state: "failed" } : status,
    credentials: instance?.how === "native" ? instance.credentials : [],
    problem,
  };
}

async function problemOf(name: BrokerName, work: () => Promise<void>): Promise<BrokerProblem | null> {
  try {
    await work();
    return null;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const { remedy = null, log = null } = cause instanceof BrokerProblem ? cause : {};
    return new BrokerProblem(message, { broker: name, remedy, log, cause });
  }
}

/** The environment is taken at its word: what it names is used or reported, never replaced by something else. */
async function checkNamed(name: BrokerName, settings: Settings): Promise<void> {
  const { state, url } = await currentStatus(name, settings);
  if (state === "up") return;
  const named = `${urlVariable(name)} names ${withoutPassword(url ?? "")}`;
  throw new BrokerProblem(`${named}, and no ${recipes[name].title} answers there`, {
    broker: name,
    remedy: `start it, or unset ${urlVariable(name)}`,
  });
}
